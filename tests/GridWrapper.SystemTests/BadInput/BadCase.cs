namespace GridWrapper.SystemTests.BadInput;

/// <summary>One kind of bad input and what the user must be told.</summary>
internal sealed record BadCase
{
    public required string Name { get; init; }

    /// <summary>Prepares files and servers and gives the command line.</summary>
    public required Func<BadInputBed, string[]> Prepare { get; init; }

    public int Exit { get; init; } = 64;

    public string Blame { get; init; } = "user";

    public required string Step { get; init; }

    public int Pilot { get; init; } = 1349;

    /// <summary>What the last line must say.</summary>
    public required string[] Says { get; init; }

    internal TestCaseData Data => new TestCaseData(this).SetArgDisplayNames(Name);

    public override string ToString() => Name;
}
