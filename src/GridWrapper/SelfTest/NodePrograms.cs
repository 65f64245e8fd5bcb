using System.Runtime.InteropServices;
using GridWrapper.Diagnostics;

namespace GridWrapper.SelfTest;

/// <summary>A few programs of this node and all that the dynamic loader needs to start them, as entries of an image's base layer.</summary>
internal sealed record NodePrograms
{
    /// <summary>The programs that are taken where they exist; only the shell must.</summary>
    internal static readonly ImmutableArray<string> Wanted = ["sh", "cat", "ls", "id", "sleep", "mkdir", "env", "true", "false", "uname"];

    public required ImmutableArray<MiniatureEntry> Entries { get; init; }

    /// <summary>Names of the programs that the image will have.</summary>
    public required ImmutableArray<string> Programs { get; init; }

    /// <summary>What was left out and why, one sentence each.</summary>
    public required ImmutableArray<string> Missing { get; init; }

    /// <summary>Collects the programs of this node.</summary>
    /// <exception cref="GridWrapperException">There is no shell, or one of its libraries is nowhere to be found.</exception>
    internal static Task<NodePrograms> FindAsync(CancellationToken ct) => FindAsync(new NodeTree(""), ct);

    /// <summary>Collects the programs of the given tree.</summary>
    internal static async Task<NodePrograms> FindAsync(NodeTree tree, CancellationToken ct)
    {
        ushort machine = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => ElfFile.X86_64,
            Architecture.Arm64 => ElfFile.Aarch64,
            Architecture other => throw Impossible($"this node's processor architecture, {other}, is neither x86-64 nor aarch64"),
        };
        ProgramCollector collector = new(tree, machine);
        foreach (string name in Wanted)
        {
            await collector.AddAsync(name, ct);
        }

        if (!collector.Programs.Contains("sh"))
        {
            throw Impossible(string.Join("; ", collector.Missing.Where(m => m.StartsWith("sh:", StringComparison.Ordinal))));
        }

        return new NodePrograms { Entries = collector.Entries(), Programs = [.. collector.Programs], Missing = [.. collector.Missing] };
    }

    private static GridWrapperException Impossible(string reason) => new(new Failure
    {
        Blame = Blame.Site,
        Phase = Phase.Probe,
        Step = "miniature-image",
        PilotErrorCode = PilotError.SetupFailure,
        Message = $"the self-test makes its image from this node's own programs, which failed: {reason}. "
            + "Run it on a node that has a shell and its libraries, or try an image of your own: gridwrap exec IMAGE -- COMMAND",
    });
}
