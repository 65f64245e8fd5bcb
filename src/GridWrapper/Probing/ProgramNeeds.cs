namespace GridWrapper.Probing;

/// <summary>What a program of an image needs to start. Only what could be told is filled in.</summary>
internal sealed record ProgramNeeds
{
    /// <summary>Path inside; null where no candidate is there.</summary>
    public string? Program { get; init; }

    /// <summary>OCI's name of the architecture it was built for, "" where it is no 64-bit program.</summary>
    public string Architecture { get; init; } = "";

    /// <summary>The level of x86-64 that it states to need, 1 where it states none.</summary>
    public int CpuLevel { get; init; } = 1;

    public string Loader { get; init; } = "";

    /// <summary>The loader is not in the image.</summary>
    public bool LoaderMissing { get; init; }

    /// <summary>The last script on the way to the program, "" where there is none.</summary>
    public string Script { get; init; } = "";

    public string Interpreter { get; init; } = "";

    public bool InterpreterMissing { get; init; }

    /// <summary>The program or interpreter that this user may not read, null for none.</summary>
    public string? Unreadable { get; init; }

    /// <summary>What the assembled root must show.</summary>
    public ImmutableArray<RootExpectation> Expectations { get; init; } = [];

    /// <summary>What stands at the mount points that were asked about, where it is not simply a directory, a file or nothing: "link", or the errno that looking it up gave.</summary>
    public ImmutableSortedDictionary<string, string> MountPoints { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}
