using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using NLog;

namespace GridWrapper.Outputs;

/// <summary>`--stage-out DIR`: copies outputs to a directory, verified by reading the copy again. What stands there already is never replaced by something else.</summary>
internal sealed class LocalDelivery
{
    private static readonly Logger Log = LogManager.GetCurrentClassLogger();
    private readonly string _directory;

    private LocalDelivery(string directory) => _directory = directory;

    /// <summary>Reads the option.</summary>
    /// <param name="target">An absolute directory, or a file:// URL of one.</param>
    /// <exception cref="GridWrapperException">Another kind of URL or a relative path: exit 64.</exception>
    internal static LocalDelivery For(string target)
    {
        int scheme = target.IndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0 && !target.StartsWith("file:///", StringComparison.Ordinal))
        {
            throw GridWrapperException.BadInput(
                "stage-out",
                $"--stage-out {target}: delivery by {target[..scheme]} is not supported yet; name a directory (outputs always stay in the work directory too)",
                PilotError.StageOutFailed);
        }

        string directory = scheme < 0 ? target : new Uri(target).LocalPath;
        return directory.StartsWith('/')
            ? new LocalDelivery(directory.Length > 1 ? directory.TrimEnd('/') : directory)
            : throw GridWrapperException.BadInput("stage-out", $"--stage-out {target}: an absolute directory is required", PilotError.StageOutFailed);
    }

    /// <summary>Delivers a set. A file that cannot be delivered keeps a null URL and adds a fault; the others are delivered all the same.</summary>
    internal async Task<OutputSet> DeliverAsync(OutputSet outputs, CancellationToken ct)
    {
        ImmutableArray<OutputFile>.Builder files = ImmutableArray.CreateBuilder<OutputFile>();
        List<OutputFault> faults = [.. outputs.Faults];
        foreach (OutputFile file in outputs.Files)
        {
            (OutputFile delivered, OutputFault? fault) = await DeliverAsync(file, ct);
            files.Add(delivered);
            faults.AddRange(fault is null ? [] : [fault]);
        }

        return outputs with { Files = files.ToImmutable(), Faults = [.. faults] };
    }

    /// <summary>Delivers one file, e.g. the log.</summary>
    /// <returns>The file with its URL and no fault, or the file as it was and the reason.</returns>
    internal async Task<(OutputFile File, OutputFault? Fault)> DeliverAsync(OutputFile file, CancellationToken ct)
    {
        string target = _directory + "/" + file.Lfn;
        try
        {
            Directory.CreateDirectory(_directory);
            string? refused = FileIdentity.Of(target) is { } standing ? await CompareAsync(file, target, standing.Kind, ct) : await CopyAsync(file, target, ct);
            if (refused is null)
            {
                Log.Info("delivered {Lfn} to {Target}", file.Lfn, target);
                return (file with { Url = new Uri(target).AbsoluteUri }, null);
            }

            return (file, Fault(file, target, refused));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (file, Fault(file, target, FileTrouble.Describe(e)));
        }
    }

    private static OutputFault Fault(OutputFile file, string target, string why) =>
        new(file.Lfn, PilotError.StageOutFailed, $"the output \"{file.Lfn}\" could not be delivered to {target}: {why}; it is still in the work directory");

    private static async Task<string?> CompareAsync(OutputFile file, string target, FileKind kind, CancellationToken ct)
    {
        bool same = kind == FileKind.Regular && await FileSum.OfAsync(target, ct) == new FileSum(file.SizeBytes, file.Adler32);
        return same ? null : "something else of that name is there already";
    }

    private static async Task<string?> CopyAsync(OutputFile file, string target, CancellationToken ct)
    {
        string partial = TarPacker.PartialName(target);
        try
        {
            await CopyContentAsync(file.Path, partial, ct);
            FileSum copied = await FileSum.OfAsync(partial, ct);
            if (copied != new FileSum(file.SizeBytes, file.Adler32))
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"the copy has {copied.SizeBytes} bytes and checksum {copied.Adler32}, the output {file.SizeBytes} bytes and {file.Adler32}");
            }

            File.Move(partial, target, overwrite: false);
            return null;
        }
        finally
        {
            File.Delete(partial);
        }
    }

    private static async Task CopyContentAsync(string source, string target, CancellationToken ct)
    {
        await using FileStream from = new(source, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        await using FileStream to = new(target, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.Asynchronous);
        await from.CopyToAsync(to, 1024 * 1024, ct);
        await to.FlushAsync(ct);
        RandomAccess.FlushToDisk(to.SafeFileHandle);
    }
}
