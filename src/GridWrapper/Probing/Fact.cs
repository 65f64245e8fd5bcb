namespace GridWrapper.Probing;

/// <summary>Something about the node in three states: known, absent, or could not be told. The last is never treated as either of the others by default.</summary>
/// <typeparam name="T">What is known when it is known.</typeparam>
internal abstract record Fact<T>
{
    private Fact()
    {
    }

    /// <summary>Known, with its value.</summary>
    internal sealed record Known(T Value) : Fact<T>;

    /// <summary>Known not to be there, and how that was seen.</summary>
    internal sealed record Absent(string Reason) : Fact<T>;

    /// <summary>Could not be told, and why (including "not asked").</summary>
    internal sealed record Unknown(string Reason) : Fact<T>;

    internal bool IsKnown(out T value)
    {
        value = this is Known known ? known.Value : default!;
        return this is Known;
    }

    /// <summary>Why it is not known; empty when it is.</summary>
    internal string Why => this switch
    {
        Known => "",
        Absent absent => absent.Reason,
        Unknown unknown => unknown.Reason,
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
