using System.Buffers.Binary;
using GridWrapper.Diagnostics;

namespace GridWrapper.Launching;

/// <summary>Turns a launch into the bytes that gridwrap-init reads. The format is documented in src/init/plan.h. Pure.</summary>
internal sealed class PlanEncoder : IDisposable
{
    private const uint Magic = 0x50495747;
    private const uint Version = 2;
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
        Host = 2,
        Probe = 4,
        Terminal = 8,
        KeepKeyring = 16,
        DenySystemCalls = 32,
        FakeRoot = 64,
        Guest = 128,
    }

    /// <summary>What follows from the launch itself.</summary>
    internal static Mode ModeOf(LaunchSpec spec)
    {
        Mode mode = spec.Terminal ? Mode.Terminal : Mode.None;
        mode |= spec.KeepKeyring ? Mode.KeepKeyring : Mode.None;
        mode |= spec.DenySystemCalls ? Mode.DenySystemCalls : Mode.None;
        mode |= spec.FakeRoot ? Mode.FakeRoot : Mode.None;
        foreach (LaunchOperation operation in spec.Operations)
        {
            mode |= operation.Op == LaunchOperations.Proc ? Mode.PidNamespace : Mode.None;
        }

        return mode;
    }

    /// <param name="spec">A launch of the rootless launcher.</param>
    /// <param name="mode">Its mode.</param>
    /// <param name="caller">What it should know of this process.</param>
    /// <exception cref="GridWrapperException">A word of the payload's cannot be handed to any program.</exception>
    internal static byte[] Encode(LaunchSpec spec, Mode mode, PlanCaller caller)
    {
        using PlanEncoder encoder = new();
        List<string> environment = [];
        foreach ((string name, string value) in spec.Environment)
        {
            environment.Add($"{name}={value}");
        }

        if ((spec.Argv.FirstOrDefault(HoldsNul) ?? environment.Find(HoldsNul)) is { } impossible)
        {
            throw GridWrapperException.BadInput("encode-command", $"a word of the payload's command or environment holds a NUL, which no program can be given: {impossible.Replace('\0', '?')}");
        }

        foreach (uint word in (uint[])
            [
                Magic, Version, 0, (uint)mode, (uint)caller.Pid, (uint)spec.Operations.Length, (uint)spec.Argv.Length, (uint)environment.Count,
                (uint)(caller.Linger.Ticks / TimeSpan.TicksPerMillisecond), caller.OpenFiles, (uint)spec.ResourceLimits.Length,
            ])
        {
            encoder.Word(word);
        }

        encoder.Strings(spec);
        encoder.Texts(spec.Argv);
        encoder.Texts(environment);
        encoder.Limits(spec.ResourceLimits);
        foreach (LaunchOperation operation in spec.Operations)
        {
            encoder.Operation(operation);
        }

        byte[] plan = encoder._bytes.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(plan.AsSpan(SizeOffset), (uint)plan.Length);
        return plan;
    }

    private static bool HoldsNul(string word) => word.Contains('\0', StringComparison.Ordinal);

    public void Dispose() => _bytes.Dispose();

    private static string? Map(ImmutableArray<string> lines) => lines.IsEmpty ? null : string.Join('\n', lines) + "\n";

    private void Strings(LaunchSpec spec)
    {
        Text(Map(spec.UidMap) ?? "");
        Text(Map(spec.GidMap) ?? "");
        Text(spec.WorkingDirectory);
        Text(spec.CgroupDirectory);
        Text(spec.UidMapper);
        Text(spec.GidMapper);
        Text(Map(spec.InnerUidMap));
        Text(Map(spec.InnerGidMap));
    }

    private void Texts(IEnumerable<string> texts)
    {
        foreach (string text in texts)
        {
            Text(text);
        }
    }

    private void Limits(ImmutableArray<ResourceLimit> limits)
    {
        foreach (ResourceLimit limit in limits)
        {
            Word((uint)limit.Resource);
            Word((uint)(limit.Soft & uint.MaxValue));
            Word((uint)(limit.Soft >> 32));
            Word((uint)(limit.Hard & uint.MaxValue));
            Word((uint)(limit.Hard >> 32));
        }
    }

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
