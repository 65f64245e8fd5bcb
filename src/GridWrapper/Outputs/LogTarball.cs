using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>
/// The job's log file, as the pilot makes it: a gzip tar of what is left in the job directory when inputs, outputs, credentials and a list of well-known
/// rubbish are taken out, below one directory named after the job. Unlike the pilot's, it follows no link out of the job directory and is bounded in size.
/// </summary>
/// <param name="newGuid">Makes a GUID where the job brings none.</param>
internal sealed class LogTarball(Func<Guid> newGuid)
{
    /// <summary>Of a larger file only the end is kept.</summary>
    internal const long MaximumFileBytes = 20 * 1024 * 1024;

    private const long MaximumTotalBytes = 200 * 1024 * 1024;
    private const string LeftOut = "gridwrap-left-out.txt";
    private static readonly RoomLog Log = new(nameof(LogTarball));

    /// <summary>Names that the pilot removes from its own tarballs too; any part of a path counts.</summary>
    private static readonly ImmutableArray<string> Redundant =
    [
        "*.root*", "*.py", "*.pyc", "tmp*", "*.tmp", "*proxy", "*.data*", "*.events", "*PROC*", "home", "src", "share", "sw", "scratch", "workdir", "external",
        "runGen-*", "runAthena*", "*runcontainer*", "pandawnutil", "stage*.sh", "python*", "sqlite*", "singularity*", "apptainer*", "*_cachedir", "panda_secrets*",
        "*.lib.tgz", "jobO.*.tar.gz", "__pycache__", "*.gridwrap-part", "core", "core.*",
    ];

    /// <summary>Makes the tarball.</summary>
    /// <param name="jobDirectory">Absolute.</param>
    /// <param name="request">What it is made of.</param>
    /// <param name="ct">Cancels; no half-written file stays.</param>
    /// <returns>The log as an output, or null when the job asks for none.</returns>
    internal async Task<OutputFile?> CreateAsync(string jobDirectory, LogRequest request, CancellationToken ct)
    {
        JobRequest job = request.Job;
        if (job.LogFile is not { } logFile)
        {
            return null;
        }

        string target = jobDirectory + "/" + logFile;
        string top = string.Create(CultureInfo.InvariantCulture, $"tarball_PandaJob_{job.PandaId ?? 0}_{SafeQueue(request.Queue)}/");
        await using (TarPacker tar = new(target))
        {
            await FillAsync(tar, top, Selected(jobDirectory, request, logFile), ct);
            await tar.CompleteAsync();
        }

        FileSum sum = await FileSum.OfAsync(target, ct);
        Log.Info("log tarball {File}: {Bytes} bytes", logFile, sum.SizeBytes);
        return new OutputFile
        {
            Name = logFile,
            Lfn = logFile,
            Path = target,
            SizeBytes = sum.SizeBytes,
            Adler32 = sum.Adler32,
            Guid = job.LogGuid ?? newGuid().ToString("D").ToUpperInvariant(),
        };
    }

    private static IEnumerable<JobFile> Selected(string jobDirectory, LogRequest request, string logFile)
    {
        HashSet<string> names = new(JobDirectoryNames.Brought(request.Job).Concat(JobDirectoryNames.Secret).Append(logFile), StringComparer.Ordinal);
        HashSet<string> delivered = new(request.Outputs.Files.Select(f => f.Path), StringComparer.Ordinal);
        return new JobTree(jobDirectory, request.Job.DataDirectory).Files()
            .Where(f => f.Identity.Kind is FileKind.Regular or FileKind.Link)
            .Where(f => !names.Contains(f.Name) && !delivered.Contains(f.FullPath))
            .Where(f => !f.RelativePath.Split('/').Any(part => Redundant.Any(r => FilePattern.MatchesName(r, part))))
            .Where(f => !TarPacker.IsPartial(f.Name));
    }

    private static async Task FillAsync(TarPacker tar, string top, IEnumerable<JobFile> files, CancellationToken ct)
    {
        StringBuilder leftOut = new();
        long total = 0;
        foreach (JobFile file in files)
        {
            ct.ThrowIfCancellationRequested();
            long kept = Math.Min(file.Identity.SizeBytes, MaximumFileBytes);
            if (file.Identity.Kind == FileKind.Link)
            {
                await tar.AddLinkAsync(top + file.RelativePath, file, ct);
            }
            else if (total + kept > MaximumTotalBytes)
            {
                leftOut.Append(CultureInfo.InvariantCulture, $"{file.RelativePath}: {file.Identity.SizeBytes} bytes, the log is full\n");
            }
            else
            {
                bool cut = kept < file.Identity.SizeBytes;
                await TryAddAsync(tar, (top + file.RelativePath + (cut ? ".tail" : ""), file.Identity.SizeBytes - kept), file, leftOut, ct);
                leftOut.Append(cut ? string.Create(CultureInfo.InvariantCulture, $"{file.RelativePath}: {file.Identity.SizeBytes} bytes, only the last {kept} are here\n") : "");
                total += kept;
            }
        }

        if (leftOut.Length > 0)
        {
            await tar.AddTextAsync(top + LeftOut, leftOut.ToString(), ct);
        }
    }

    private static async Task TryAddAsync(TarPacker tar, (string Name, long Start) entry, JobFile file, StringBuilder leftOut, CancellationToken ct)
    {
        try
        {
            await tar.AddAsync(entry.Name, file, entry.Start, ct);
        }
        catch (UnauthorizedAccessException)
        {
            leftOut.Append(CultureInfo.InvariantCulture, $"{file.RelativePath}: not readable\n");
        }
    }

    private static string SafeQueue(string? queue) =>
        string.IsNullOrEmpty(queue) ? "unknown" : string.Concat(queue.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '_'));
}
