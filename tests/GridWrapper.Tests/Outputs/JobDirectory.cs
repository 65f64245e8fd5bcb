using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

/// <summary>A fresh job directory (and a place beside it that outputs must never reach), removed on disposal.</summary>
internal sealed class JobDirectory : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("gw-outputs-").FullName;
    private int _guids;

    internal JobDirectory()
    {
        Path = _parent + "/PanDA_Pilot-42";
        Outside = _parent + "/pilot";
        Directory.CreateDirectory(Path);
        Directory.CreateDirectory(Outside);
    }

    internal string Path { get; }

    internal string Outside { get; }

    public void Dispose() => Directory.Delete(_parent, true);

    internal static OutputSpec File(string name, string lfn) => new(name, lfn, OutputKind.File);

    internal static OutputSpec Glob(string name, string lfn) => new(name, lfn, OutputKind.Glob);

    internal static OutputSpec Regex(string text) => new(text, text, OutputKind.Regex);

    internal static JobRequest Job(params OutputSpec[] outputs) =>
        new() { PandaId = 42, Image = new ImageReference.AtPath("/image"), Exec = "true", Outputs = [.. outputs], LogFile = "job.log.tgz" };

    /// <summary>GUIDs that count, so that expectations can be written down.</summary>
    internal Guid NextGuid() => new(Interlocked.Increment(ref _guids), 0, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 0xab);

    internal string Put(string name, string content = "content")
    {
        string path = Path + "/" + name;
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    internal void Link(string name, string target)
    {
        string path = Path + "/" + name;
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.CreateSymbolicLink(path, target);
    }

    internal string Text(string name) => System.IO.File.ReadAllText(Path + "/" + name);

    internal Task<OutputSet> CollectAsync(JobRequest job) => new OutputCollector(NextGuid).CollectAsync(Path, job, CancellationToken.None);

    internal string[] Names() => [.. Directory.GetFileSystemEntries(Path).Select(e => System.IO.Path.GetFileName(e)).Order(StringComparer.Ordinal)];
}
