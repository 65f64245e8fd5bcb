using System.Buffers.Binary;
using GridWrapper.Diagnostics;

namespace GridWrapper.Launching;

/// <summary>Turns a launch into the bytes that gridwrap-init reads. The format is documented in src/init/plan.h. Pure.</summary>
internal sealed class PlanEncoder : IDisposable
{
    private const uint Magic = 0x50495747;
    private const uint Version = 1;
    private const uint None = uint.MaxValue;
    private const int SizeOffset = 8;

    private readonly MemoryStream _bytes = new(8192);

    private PlanEncoder()
    {
    }

    /// <summary>What the helper is to do with the plan besides its operations.</summary>
    [Flags]
    internal enum Mode : uint
    {
        None = 0,
        PidNamespace = 1,
        Interactive = 2,
        Probe = 4,
    }

    /// <param name="spec">A launch of the rootless launcher.</param>
    /// <param name="mode">Its mode.</param>
    /// <param name="caller">What it should know of this process.</param>
    /// <exception cref="GridWrapperException">A word of the payload's cannot be handed to any program.</exception>
    internal static byte[] Encode(LaunchSpec spec, Mode mode, PlanCaller caller)
    {
        using PlanEncoder encoder = new();
        ImmutableArray<string> environment = [.. spec.Environment.Select(e => $"{e.Key}={e.Value}")];
        if (spec.Argv.Concat(environment).FirstOrDefault(w => w.Contains('\0', StringComparison.Ordinal)) is { } impossible)
        {
            throw GridWrapperException.BadInput("encode-command", $"a word of the payload's command or environment holds a NUL, which no program can be given: {impossible.Replace('\0', '?')}");
        }

        foreach (uint word in (uint[])
            [
                Magic, Version, 0, (uint)mode, (uint)caller.Pid, (uint)spec.Operations.Length, (uint)spec.Argv.Length, (uint)environment.Length,
                (uint)caller.Linger.TotalMilliseconds, caller.OpenFiles,
            ])
        {
            encoder.Word(word);
        }

        encoder.Text(string.Join('\n', spec.UidMap) + "\n");
        encoder.Text(string.Join('\n', spec.GidMap) + "\n");
        encoder.Text(spec.WorkingDirectory);
        foreach (string word in spec.Argv.Concat(environment))
        {
            encoder.Text(word);
        }

        foreach (LaunchOperation operation in spec.Operations)
        {
            encoder.Operation(operation);
        }

        byte[] plan = encoder._bytes.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(plan.AsSpan(SizeOffset), (uint)plan.Length);
        return plan;
    }

    public void Dispose() => _bytes.Dispose();

    private void Operation(LaunchOperation operation)
    {
        (uint kind, OperationContent content) = LaunchOperations.Wire(operation.Op);
        LaunchOperations.Flags flags = LaunchOperations.FlagsOf(operation, out string rest);
        Word(kind);
        Word((uint)flags);
        Text(content == OperationContent.Path ? operation.Source : null);
        Text(operation.Target);
        Text(content == OperationContent.Text ? operation.Source : rest);
    }

    private void Word(uint value)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, value);
        _bytes.Write(word);
    }

    private void Text(string? text)
    {
        if (text is null)
        {
            Word(None);
            return;
        }

        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Word((uint)utf8.Length);
        _bytes.Write(utf8);
        _bytes.Write([0, 0, 0, 0], 0, 4 - (utf8.Length % 4));
    }
}
