namespace GridWrapper.Sites;

/// <summary>One line of `gridwrap site list`.</summary>
internal sealed record SiteSummary(string Name, string Description);
