namespace GridWrapper.Sites;

/// <summary>One thing that is wrong in a profile document.</summary>
/// <param name="Line">1-based; 0 when the document as a whole is meant.</param>
/// <param name="Column">1-based start of the key or value.</param>
/// <param name="Path">Where in the document, e.g. <c>cvmfs.staleImages</c> or <c>binds[2].target</c>; empty for the document itself.</param>
/// <param name="Message">What was found and what was expected.</param>
internal sealed record ProfileFault(int Line, int Column, string Path, string Message)
{
    public override string ToString()
    {
        string place = Line == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column}: ");
        return Path.Length == 0 ? place + Message : $"{place}{Path}: {Message}";
    }
}
