using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>What a payload has for standard input, output and error; null = what this process has.</summary>
internal sealed record StandardStreams(SafeFileHandle? Input, SafeFileHandle? Output, SafeFileHandle? Error)
{
    internal const int ErrorNumber = 2;

    /// <summary>The first of the descriptors that a second helper gets, in order: its plan, its reports, its standard error.</summary>
    private const int FirstOfGuest = 5;

    /// <summary>SERVE_FD in src/init/serve.c.</summary>
    private const int ServingNumber = 8;

    /// <summary>For a second helper in another runtime's container; empty where there is none.</summary>
    internal ImmutableArray<int> ForGuest { get; init; } = [];

    /// <summary>For the helper alone: the socket over which the device of a served root comes back; null where there is none.</summary>
    internal SafeFileHandle? Serving { get; init; }

    /// <summary>This process's own.</summary>
    internal static readonly StandardStreams Inherited = new(null, null, null);

    /// <summary>At a terminal of its own. An error stream that goes elsewhere stays there.</summary>
    internal static StandardStreams Of(RunControl control, TerminalProxy? terminal) => terminal is null
        ? new StandardStreams(null, control.StandardOutput, control.StandardError)
        : new StandardStreams(terminal.Payloads, terminal.Payloads, Linux.Libc.IsTerminal(ErrorNumber) != 0 ? terminal.Payloads : control.StandardError);

    /// <summary>Adds them to the descriptors of a child.</summary>
    internal void AddTo(List<(int Child, int Parent)> descriptors)
    {
        Add(descriptors, 0, Input);
        Add(descriptors, 1, Output);
        Add(descriptors, ErrorNumber, Error);
        Add(descriptors, ServingNumber, Serving);
        for (int i = 0; i < ForGuest.Length; i++)
        {
            descriptors.Add((FirstOfGuest + i, ForGuest[i]));
        }
    }

    private static void Add(List<(int Child, int Parent)> descriptors, int number, SafeFileHandle? stream)
    {
        if (stream is not null)
        {
            descriptors.Add((number, (int)stream.DangerousGetHandle()));
        }
    }
}
