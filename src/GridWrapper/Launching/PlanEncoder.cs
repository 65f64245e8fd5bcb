using System.Buffers.Binary;

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
    /// <param name="parent">Pid of the process that starts the helper, 0 = do not check.</param>
    /// <param name="linger">How long what the payload left behind may live after it.</param>
    internal static byte[] Encode(LaunchSpec spec, Mode mode, int parent, TimeSpan linger)
    {
        using PlanEncoder encoder = new();
        List<string> environment = [];
        foreach ((string name, string value) in spec.Environment)
        {
            environment.Add($"{name}={value}");
        }

        foreach (uint word in (uint[])
            [Magic, Version, 0, (uint)mode, (uint)parent, (uint)spec.Operations.Length, (uint)spec.Argv.Length, (uint)environment.Count, (uint)linger.TotalMilliseconds, 0])
        {
            encoder.Word(word);
        }

        encoder.Text(string.Join('\n', spec.UidMap) + "\n");
        encoder.Text(string.Join('\n', spec.GidMap) + "\n");
        encoder.Text(spec.WorkingDirectory);
        foreach (string word in spec.Argv)
        {
            encoder.Text(word);
        }

        foreach (string entry in environment)
        {
            encoder.Text(entry);
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
