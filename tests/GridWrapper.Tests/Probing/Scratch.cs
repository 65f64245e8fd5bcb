namespace GridWrapper.Tests.Probing;

/// <summary>A fresh directory of one test.</summary>
internal sealed class Scratch : IDisposable
{
    internal Scratch()
    {
        Path = System.IO.Path.Combine(TestContext.CurrentContext.WorkDirectory, "probing-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(Path);
    }

    internal string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    internal string Write(string name, string content)
    {
        string path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
