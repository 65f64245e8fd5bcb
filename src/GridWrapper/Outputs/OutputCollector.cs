using System.Text.RegularExpressions;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>
/// Applies the job's `-o` map to what the payload left. Every file is delivered once: single files first, then `regex|…`, then wildcards. Nothing that the
/// payload wrote is lost in silence: an output that cannot be delivered is missing, with a reason, and the rest goes on.
/// </summary>
/// <param name="newGuid">Makes the outputs' GUIDs.</param>
internal sealed class OutputCollector(Func<Guid> newGuid)
{
    private const long MaximumReportBytes = 1024 * 1024;
    private static readonly RoomLog Log = new(nameof(OutputCollector));

    /// <summary>Checks the map before anything runs.</summary>
    /// <exception cref="GridWrapperException">The job is faulty: exit 64, all faults in one message.</exception>
    internal static void CheckPatterns(JobRequest job) => OutputGate.Check(job);

    /// <summary>Collects the outputs. They lie in the job directory under their LFNs afterwards.</summary>
    /// <param name="jobDirectory">Absolute; nothing runs in it any more.</param>
    /// <param name="job">A job that passed <see cref="CheckPatterns"/>.</param>
    /// <param name="ct">Cancels between files.</param>
    internal async Task<OutputSet> CollectAsync(string jobDirectory, JobRequest job, CancellationToken ct)
    {
        AdoptUserReport(jobDirectory);
        Collection collection = new(jobDirectory, job);
        foreach (OutputMove move in OutputMoves.Plan(collection))
        {
            await AttemptAsync(collection, move.Output, () => CollectFileAsync(collection, move, ct));
        }

        foreach (OutputSpec output in job.Outputs.Where(o => o.Kind == OutputKind.Regex))
        {
            await AttemptAsync(collection, output, () => CollectMatchesAsync(collection, output, ct));
        }

        foreach (OutputSpec output in job.Outputs.Where(o => o.Kind == OutputKind.Glob))
        {
            await AttemptAsync(collection, output, () => PackMatchesAsync(collection, output, ct));
        }

        OutputSet set = collection.ToSet();
        Log.Info("outputs: {Count} delivered, {Missing} missing", set.Files.Length, set.Missing.Length);
        return set;
    }

    /// <summary>A payload's userJobMetadata.json becomes its jobReport.json where it left none, as the transform does.</summary>
    private static void AdoptUserReport(string jobDirectory)
    {
        string metadata = Path.Combine(jobDirectory, JobDirectoryNames.UserMetadata);
        string report = Path.Combine(jobDirectory, JobDirectoryNames.JobReport);
        if (FileIdentity.Of(report) is null && FileIdentity.Of(metadata) is { Kind: FileKind.Regular, SizeBytes: <= MaximumReportBytes })
        {
            File.Move(metadata, report);
        }
    }

    /// <summary>Whatever goes wrong with one output is told as that output's fault and does not cost the others.</summary>
    private static async Task AttemptAsync(Collection collection, OutputSpec output, Func<Task> collect)
    {
        try
        {
            await collect();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            collection.Undeliverable(output, $"\"{output.Name}\" could not be delivered as \"{output.Lfn}\": {FileTrouble.Describe(e)}");
        }
        catch (RegexMatchTimeoutException)
        {
            collection.Undeliverable(output, $"the pattern \"{output.Name}\" takes too long to match: simplify it");
        }
    }

    private async Task CollectFileAsync(Collection collection, OutputMove move, CancellationToken ct)
    {
        if (move.Source is not { } source)
        {
            collection.Absent(move.Output, move.Why);
            return;
        }

        string target = collection.PathOf(move.Output.Lfn);
        if (source != target && FileIdentity.Of(target) is { } standing)
        {
            bool same = standing.Kind == FileKind.Regular && await FileSum.OfAsync(source, ct) == await FileSum.OfAsync(target, ct);
            if (!same && !move.ReplacesItself)
            {
                collection.Undeliverable(move.Output, $"\"{move.Output.Name}\" could not be delivered: another file already has the output's name \"{move.Output.Lfn}\"");
                return;
            }
        }

        if (move.Copies)
        {
            string partial = TarPacker.PartialName(target);
            File.Copy(source, partial, overwrite: true);
            File.Move(partial, target, overwrite: true);
        }
        else if (source != target)
        {
            File.Move(source, target, overwrite: true);
        }

        collection.Add(await DescribeAsync(move.Output.Name, target, ct));
    }

    private async Task CollectMatchesAsync(Collection collection, OutputSpec output, CancellationToken ct)
    {
        if (!NamePattern.TryParse(output.Name, out NamePattern? pattern, out string error))
        {
            throw GridWrapperException.BadInput("check-outputs", $"the output \"{output.Name}\" is not a regular expression: {error}");
        }

        JobFile[] matches = [.. collection.Unclaimed().Where(f => f.Identity.Kind == FileKind.Regular && pattern!.Matches(f.Name))];
        foreach (JobFile match in matches)
        {
            if (match.Name.Any(c => c is < '!' or > '~') || match.Name.Length > 255)
            {
                collection.Bad(match.Name, PilotError.BadOutputFileName, $"the file name \"{match.Name}\" matches \"{output.Name}\" but holds characters that an output's name may not have");
                continue;
            }

            string target = collection.PathOf(match.Name);
            if (match.FullPath != target && FileIdentity.Of(target) is not null)
            {
                collection.Bad(match.Name, PilotError.StageOutFailed, $"\"{match.RelativePath}\" matches \"{output.Name}\", but another file of that name lies in the job directory");
                continue;
            }

            collection.Claim(match, match.Name);
            File.Move(match.FullPath, target, overwrite: false);
            collection.Add(await DescribeAsync(output.Name, target, ct));
        }

        if (matches.Length == 0)
        {
            collection.Absent(output, "no file name matches it");
        }
    }

    private async Task PackMatchesAsync(Collection collection, OutputSpec output, CancellationToken ct)
    {
        string target = collection.PathOf(output.Lfn);
        List<(string Name, JobFile File)> matches = collection.Matching(output);
        if (matches.Count == 0)
        {
            collection.Absent(output, "no file matches it");
            return;
        }

        if (FileIdentity.Of(target) is not null)
        {
            collection.Undeliverable(output, $"the files matching \"{output.Name}\" could not be packed: another file already has the output's name \"{output.Lfn}\"");
            return;
        }

        await using TarPacker tar = new(target);
        foreach ((string name, JobFile file) in matches)
        {
            await tar.AddAsync(name, file, 0, ct);
        }

        await tar.CompleteAsync();
        collection.Add(await DescribeAsync(output.Name, target, ct));
    }

    private async Task<OutputFile> DescribeAsync(string name, string path, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        FileSum sum = await FileSum.OfAsync(path, ct);
        return new OutputFile
        {
            Name = name,
            Lfn = Path.GetFileName(path),
            Path = path,
            SizeBytes = sum.SizeBytes,
            Adler32 = sum.Adler32,
            Guid = newGuid().ToString("D").ToUpperInvariant(),
        };
    }
}
