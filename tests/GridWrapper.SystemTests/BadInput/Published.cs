using GridWrapper.Tests.Documentation;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>The published file, the one that users have. GRIDWRAP_FILE names another build of it.</summary>
internal static class Published
{
    /// <exception cref="IgnoreException">It was not published.</exception>
    internal static string File
    {
        get
        {
            string file = Environment.GetEnvironmentVariable("GRIDWRAP_FILE") ?? Repository.PathOf("artifacts/linux-x64/gridwrap");
            if (!System.IO.File.Exists(file))
            {
                Assert.Ignore($"{file} is missing: ./build.sh publish makes it");
            }

            return file;
        }
    }
}
