using System.Formats.Tar;
using System.IO.Compression;
using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>
/// Writes a gzip tar: the same files give the same bytes (given order, names and times of the files, no owner, no time of packing). Written under a
/// temporary name and renamed, so that a half-written file never bears the final name.
/// </summary>
internal sealed class TarPacker : IAsyncDisposable
{
    private const string PartialSuffix = ".gridwrap-part";

    private readonly string _target;
    private readonly string _partial;
    private readonly TarWriter _tar;
    private readonly GZipStream _gzip;
    private bool _closed;

    /// <summary>Opens the archive.</summary>
    /// <param name="target">Absolute path of the archive to be.</param>
    internal TarPacker(string target)
    {
        _target = target;
        _partial = PartialName(target);
        FileStream file = new(_partial, FileMode.Create, FileAccess.Write, FileShare.Read, 256 * 1024, FileOptions.Asynchronous);
        _gzip = new GZipStream(file, CompressionLevel.Optimal);
        _tar = new TarWriter(_gzip, TarEntryFormat.Gnu, leaveOpen: true);
    }

    /// <summary>The hidden name that a file bears until it is complete.</summary>
    internal static string PartialName(string target) => Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}{PartialSuffix}");

    internal static bool IsPartial(string name) => name.StartsWith('.') && name.EndsWith(PartialSuffix, StringComparison.Ordinal);

    /// <summary>Adds a file's content, from <paramref name="start"/> on.</summary>
    internal async Task AddAsync(string name, JobFile file, long start, CancellationToken ct)
    {
        FileStream content = new(file.FullPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 256 * 1024, FileOptions.Asynchronous | FileOptions.SequentialScan);
        await using (content)
        {
            content.Position = start;
            await AddAsync(name, content, file.Identity, ct);
        }
    }

    /// <summary>Adds a text of our own.</summary>
    internal async Task AddTextAsync(string name, string text, CancellationToken ct)
    {
        using MemoryStream content = new(Encoding.UTF8.GetBytes(text));
        await AddAsync(name, content, new FileIdentity(FileKind.Regular, 0x1a4, content.Length, 0, 0), ct);
    }

    /// <summary>Adds a symbolic link as such.</summary>
    internal Task AddLinkAsync(string name, JobFile link, CancellationToken ct) =>
        _tar.WriteEntryAsync(
            new GnuTarEntry(TarEntryType.SymbolicLink, name)
            {
                LinkName = new FileInfo(link.FullPath).LinkTarget ?? "",
                ModificationTime = DateTimeOffset.FromUnixTimeSeconds(link.Identity.ModifiedUnixSeconds),
            },
            ct);

    /// <summary>Ends the archive and gives it its name, replacing a file of that name.</summary>
    internal async Task CompleteAsync()
    {
        await CloseAsync();
        File.Move(_partial, _target, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_closed)
        {
            await CloseAsync();
            File.Delete(_partial);
        }
    }

    private async Task CloseAsync()
    {
        _closed = true;
        await _tar.DisposeAsync();
        Stream file = _gzip.BaseStream;
        await _gzip.DisposeAsync();
        await file.DisposeAsync();
    }

    private async Task AddAsync(string name, Stream content, FileIdentity identity, CancellationToken ct)
    {
        GnuTarEntry entry = new(TarEntryType.RegularFile, name)
        {
            DataStream = content,
            Mode = (UnixFileMode)(identity.Permissions & 0x1ff) | UnixFileMode.UserRead,
            ModificationTime = DateTimeOffset.FromUnixTimeSeconds(identity.ModifiedUnixSeconds),
        };
        await _tar.WriteEntryAsync(entry, ct);
    }
}
