using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;

namespace GridWrapper.Running;

/// <summary>
/// Where the job's inputs are and what the payload calls them: URLs as they are (of the job or of PoolFileCatalog.xml), files of the job directory below its place
/// inside, files elsewhere on the node through a link in the job directory whose end is bound read-only.
/// </summary>
internal sealed class JobInputs
{
    private readonly RunSettings _settings;
    private readonly JobRequest _job;
    private readonly ImmutableDictionary<string, string> _catalogue;
    private readonly Dictionary<string, string> _seen = new(StringComparer.Ordinal);
    private readonly List<string> _missing = [];
    private readonly List<BindMount> _binds = [];
    private readonly List<(string Link, string Target)> _links = [];

    /// <exception cref="GridWrapperException">PoolFileCatalog.xml is there and cannot be read.</exception>
    internal JobInputs(RunSettings settings, JobRequest job)
    {
        _settings = settings;
        _job = job;
        string[] names = [.. job.Inputs.Concat(job.InMap.SelectMany(static s => s.Files)).Distinct(StringComparer.Ordinal)];
        _catalogue = names.Length > 0 ? Catalogue(Path.Combine(settings.WorkDirectory, PoolFileCatalog.FileName)) : ImmutableDictionary<string, string>.Empty;
        foreach (string name in names)
        {
            _seen[name] = Place(name);
        }
    }

    /// <summary>Inputs that are neither addresses nor anywhere on this node.</summary>
    internal ImmutableArray<string> Missing => [.. _missing];

    /// <summary>Files outside the job directory.</summary>
    internal ImmutableArray<BindMount> Binds => [.. _binds];

    /// <summary>An input lies on CVMFS, which then has to be shown.</summary>
    internal bool NeedCvmfs { get; private set; }

    /// <summary>What the payload finds the input under.</summary>
    internal string Seen(string input) => _seen.GetValueOrDefault(input, input);

    /// <summary>Makes the links for inputs that lie elsewhere.</summary>
    internal void Link()
    {
        foreach ((string link, string target) in _links)
        {
            File.CreateSymbolicLink(link, target);
        }
    }

    /// <summary>Takes them away: the log tarball follows links.</summary>
    internal void Unlink()
    {
        foreach ((string link, _) in _links)
        {
            if (new FileInfo(link).LinkTarget is not null)
            {
                File.Delete(link);
            }
        }
    }

    private static bool IsUrl(string name) => name.Contains("://", StringComparison.Ordinal) && !name.StartsWith("file://", StringComparison.Ordinal);

    /// <summary>file:///x and file://localhost/x as /x.</summary>
    private static string WithoutScheme(string name) => !name.StartsWith("file://", StringComparison.Ordinal) ? name
        : name.IndexOf('/', "file://".Length) is > 0 and { } slash ? name[slash..] : name["file://".Length..];

    private static ImmutableDictionary<string, string> Catalogue(string path)
    {
        try
        {
            return !File.Exists(path) ? ImmutableDictionary<string, string>.Empty
                : new FileInfo(path).Length <= PoolFileCatalog.LimitBytes ? PoolFileCatalog.Read(File.ReadAllText(path))
                : throw new FormatException($"it is larger than {PoolFileCatalog.LimitBytes} bytes");
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw JobFailure.BadCatalogue(path, e is FormatException ? e.Message : FileTrouble.Describe(e));
        }
    }

    private string Place(string name)
    {
        if (IsUrl(name))
        {
            return name;
        }

        string plain = WithoutScheme(name);
        if (Path.IsPathRooted(plain))
        {
            return Elsewhere(name, plain, plain);
        }

        string own = Path.Combine(_settings.WorkDirectory, plain);
        string inside = $"{_job.DataDirectory.TrimEnd('/')}/{plain}";
        if (new FileInfo(own).LinkTarget is { } link)
        {
            return Followed(name, link) ? inside : Absent(name, inside);
        }

        if (File.Exists(own))
        {
            return _catalogue.TryGetValue(name, out string? physical) && IsUrl(physical) ? physical : inside;
        }

        return _catalogue.TryGetValue(name, out string? elsewhere) ? Catalogued(name, elsewhere, inside) : Absent(name, inside);
    }

    private string Catalogued(string name, string physical, string inside)
    {
        if (IsUrl(physical))
        {
            return physical;
        }

        string path = Path.GetFullPath(WithoutScheme(physical), _settings.WorkDirectory);
        if (path.StartsWith(_settings.WorkDirectory + "/", StringComparison.Ordinal))
        {
            return File.Exists(path) ? $"{_job.DataDirectory.TrimEnd('/')}/{path[(_settings.WorkDirectory.Length + 1)..]}" : Absent(name, inside);
        }

        if (name.Contains('/', StringComparison.Ordinal))
        {
            return Elsewhere(name, path, path);
        }

        _links.Add((Path.Combine(_settings.WorkDirectory, name), path));
        _ = Elsewhere(name, path, path);
        return inside;
    }

    /// <summary>A file at its own place on the node. One on CVMFS is not looked at: that may hang, and CVMFS is shown as a whole.</summary>
    private string Elsewhere(string name, string path, string target)
    {
        string root = _settings.Site.Cvmfs.Root;
        if (path.StartsWith(root + "/", StringComparison.Ordinal))
        {
            NeedCvmfs = true;
            return path;
        }

        if (!File.Exists(path) && !Directory.Exists(path))
        {
            return Absent(name, target);
        }

        _binds.Add(new BindMount(path, target, ReadOnly: true, Optional: false));
        return target;
    }

    /// <summary>A link that stage-in made: what it names is shown under the name that the link has for it inside.</summary>
    private bool Followed(string name, string link)
    {
        string outside = Path.GetFullPath(link, _settings.WorkDirectory);
        if (!Path.IsPathRooted(link) && outside.StartsWith(_settings.WorkDirectory + "/", StringComparison.Ordinal))
        {
            return File.Exists(outside);
        }

        int before = _missing.Count;
        _ = Elsewhere(name, outside, Path.GetFullPath(link, _job.DataDirectory));
        if (_missing.Count > before)
        {
            _missing.RemoveAt(_missing.Count - 1);
            return false;
        }

        return true;
    }

    private string Absent(string name, string seen)
    {
        _missing.Add(name);
        return seen;
    }
}
