namespace GridWrapper.Commands;

/// <summary>An option of the command line, as data: the quick reader of `exec`, the parser behind every command and the help are made from it.</summary>
/// <param name="Name">With its dashes.</param>
/// <param name="Kind">Whether it takes a value, and whether it repeats.</param>
/// <param name="Description">One line for the help.</param>
/// <param name="ValueName">Placeholder of the value in the help; null for a flag.</param>
internal sealed record OptionSpec(string Name, OptionKind Kind, string Description, string? ValueName = null);

internal enum OptionKind
{
    Flag,
    Text,

    /// <summary>May be given several times.</summary>
    List,
}
