using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Running;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Running;

/// <summary>A job directory and a cache of their own for one test.</summary>
internal sealed class RunningScratch : IDisposable
{
    internal RunningScratch()
    {
        Base = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "running-" + Guid.NewGuid().ToString("N"))).FullName;
        Directory.CreateDirectory(Job);
    }

    internal string Base { get; }

    internal string Job => Path.Combine(Base, "job");

    internal string Cache => Path.Combine(Base, "cache");

    internal RunSettings Settings => new()
    {
        Site = new SiteProfile { Name = "test" },
        CacheDirectory = Cache,
        WorkDirectory = Job,
        Environment = new Dictionary<string, string>(),
    };

    internal static JobRequest Request(string exec = "true") => new() { Image = new ImageReference.InRegistry("docker.io", "library/demo", "1", null), Exec = exec };

    public void Dispose() => Directory.Delete(Base, recursive: true);

    internal string Write(string name, string content = "x")
    {
        string path = Path.Combine(Job, name);
        File.WriteAllText(path, content);
        return path;
    }
}
