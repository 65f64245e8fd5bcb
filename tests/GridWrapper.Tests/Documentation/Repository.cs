namespace GridWrapper.Tests.Documentation;

/// <summary>The checkout that these tests were built from, found upwards from the test assembly.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    internal static string PathOf(string relative) => Path.Combine(Root, relative);

    internal static string Read(string relative) => File.ReadAllText(PathOf(relative));

    private static string Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "GridWrapper.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException($"GridWrapper.sln was not found above {AppContext.BaseDirectory}");
    }
}
