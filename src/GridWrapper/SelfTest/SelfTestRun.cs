using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.SelfTest;

/// <summary>
/// The main job with nothing but this file: a loopback workload manager hands out a PanDA job, once for every strategy and launcher that the node allows; the payload
/// runs in a miniature image; outputs are checked; the workload manager must have learned of it.
/// </summary>
/// <param name="settings">Of the command line; the self-test uses its own profile and its own cache below <paramref name="directory"/>.</param>
/// <param name="directory">Empty and private; the caller removes it.</param>
/// <param name="progress">A line for people about each step.</param>
internal sealed class SelfTestRun(RunSettings settings, string directory, Action<string> progress)
{
    private const string Queue = "SELFTEST";
    private const string Repository = "selftest/miniature";
    private const string Tag = "1.0";
    private const string CvmfsRepository = "unpacked.cern.ch";
    private const long TaskId = 15012345;

    private readonly TimeProvider _time = TimeProvider.System;
    private long _nextJob = 4012345678;

    internal async Task<ImmutableArray<SelfTestRow>> RunAsync(CancellationToken ct)
    {
        long began = _time.GetTimestamp();
        MiniatureImage image = MiniatureImage.Create(await NodePrograms.FindAsync(ct));
        using LoopbackRegistry registry = LoopbackRegistry.Start(new RegistryAccess.Open(), Random.Shared);
        ImageReference.InRegistry served = registry.Add(image, Repository, Tag, ManifestForm.Index);
        string cvmfs = Path.Combine(directory, "cvmfs");
        MiniatureCvmfs.Publish(image, Path.Combine(cvmfs, CvmfsRepository), new CvmfsName(registry.Address, Repository, Tag), new CvmfsTag.Current());
        MiniatureCvmfs.WriteHeartbeat(Path.Combine(cvmfs, CvmfsRepository), _time);
        string layersOnly = Path.Combine(directory, "cvmfs-layers");
        MiniatureCvmfs.Publish(image, Path.Combine(layersOnly, CvmfsRepository), new CvmfsName(registry.Address, Repository, Tag), new CvmfsTag.Layers(Missing: 1));
        MiniaturePublisher.WriteOciLayout(image, Path.Combine(directory, "layout"), Tag);
        MiniaturePublisher.WriteDirectory(image, Path.Combine(directory, "tree"));
        MiniatureSif.Write(image, Path.Combine(directory, "image.sif"));
        await using LoopbackWorkloadManager manager = LoopbackWorkloadManager.Start(new WorkloadOptions(), Random.Shared);
        progress($"made a miniature image of this node's own programs ({image.Layers.Length} layers), a registry on {registry.Address}, a CVMFS tree, "
            + $"and a workload manager on {manager.Address.Authority} ({_time.GetElapsedTime(began).TotalSeconds:0.0} s)");

        ImmutableArray<SelfTestRow>.Builder rows = ImmutableArray.CreateBuilder<SelfTestRow>();
        foreach ((string strategy, string reference, string root) in (IEnumerable<(string, string, string)>)
            [
                ("directory", Path.Combine(directory, "tree"), cvmfs),
                ("cvmfs-flat", served.ToString(), cvmfs),
                ("cvmfs-layers", served.ToString(), layersOnly),
                ("local", $"oci:{Path.Combine(directory, "layout")}:{Tag}", cvmfs),
                ("registry", served.ToString(), cvmfs),
                ("packed", served.ToString(), cvmfs),
                ("sif", Path.Combine(directory, "image.sif"), cvmfs),
            ])
        {
            foreach (string launcher in LauncherCatalog.Names)
            {
                rows.Add(await TryAsync(new Combination(strategy, launcher, reference, root), manager, ct));
            }
        }

        return rows.ToImmutable();
    }

    private async Task<SelfTestRow> TryAsync(Combination wanted, LoopbackWorkloadManager manager, CancellationToken ct)
    {
        RunSettings own = Settings(wanted, manager);
        ImageReference reference = ImageReferenceParser.Parse(wanted.Reference, directory);
        using (Composition parts = Composition.Create(own))
        {
            Prepared prepared = await parts.Surveyor.PrepareAsync(reference, everything: true, ct);

            // A strategy may have several ways.
            Candidate[] candidates = [.. prepared.Plan.Candidates.Where(c => c.Strategy == wanted.Strategy && c.Launcher == wanted.Launcher)];
            if (!candidates.Any(c => c.IsUsable))
            {
                return new SelfTestRow(wanted.Strategy, wanted.Launcher, SelfTestResult.NotPossible, null, string.Join("; ", candidates.Select(c => c.Verdict.Reason).Distinct()));
            }
        }

        MiniatureJob job = new() { PandaId = _nextJob++, TaskId = TaskId, Image = wanted.Reference, SourceUrl = manager.Address, SandboxId = Guid.NewGuid() };
        manager.AddJob(job.ToJson());
        manager.AddFile(job.SandboxFile, MiniatureJob.Sandbox());
        Directory.CreateDirectory(own.WorkDirectory);
        long began = _time.GetTimestamp();
        JobOutcome outcome = await new JobRun(own, _time).RunAsync(new JobRun.Source([], null, Pull: true));
        double seconds = _time.GetElapsedTime(began).TotalSeconds;
        string? fault = Check(outcome, job, manager);
        SelfTestRow row = new(wanted.Strategy, wanted.Launcher, fault is null ? SelfTestResult.Passed : SelfTestResult.Failed, seconds, fault ?? Describe(outcome));
        progress($"{wanted.Strategy} + {wanted.Launcher}: {(fault is null ? "ok" : "FAILED")} {row.Detail}");
        return row;
    }

    private RunSettings Settings(Combination wanted, LoopbackWorkloadManager manager) => settings with
    {
        Site = new SiteProfile
        {
            Name = "selftest",
            Cvmfs = new CvmfsPolicy { Root = wanted.CvmfsRoot, Copies = "accept", ImageRepositories = [CvmfsRepository], FirstTouchSeconds = 10 },
            Apptainer = settings.Site.Apptainer,
            Panda = new PandaPolicy { FinalUpdateSeconds = 10 },
        },
        // A cache of its own for each, so that every strategy shows its whole work.
        CacheDirectory = Path.Combine(directory, $"cache-{wanted.Strategy}-{wanted.Launcher}"),
        WorkDirectory = Path.Combine(directory, $"job-{wanted.Strategy}-{wanted.Launcher}"),
        ForcedStrategy = wanted.Strategy,
        ForcedLauncher = wanted.Launcher,
        Server = manager.Address.ToString(),
        Queue = Queue,
        Timeout = TimeSpan.FromMinutes(2),
    };

    /// <summary>Null when all is as it must be: the payload's output under its LFN, and the server's last word on the job.</summary>
    private static string? Check(JobOutcome outcome, MiniatureJob job, LoopbackWorkloadManager manager)
    {
        if (outcome.Failure is { } failure)
        {
            return ErrorReport.Line(failure);
        }

        if (outcome.Image?.Result is not { ExitCode: 0 })
        {
            return string.Create(CultureInfo.InvariantCulture, $"the payload exited with {outcome.Image?.Result?.ExitCode}");
        }

        if (outcome.Outputs.Files.FirstOrDefault(f => f.Lfn == job.OutputLfn) is not { } output || !File.ReadAllText(output.Path).Contains(MiniatureJob.Greeting, StringComparison.Ordinal))
        {
            return $"the output {job.OutputLfn} is missing or wrong";
        }

        return manager.State.Find(job.PandaId) is { State: "finished" or "holding", Fault: null } ? null : $"the workload manager holds the job as {manager.State.Find(job.PandaId)}";
    }

    private static string Describe(JobOutcome outcome)
    {
        TransferCounts transfer = outcome.Image!.Rootfs!.Transfer;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Files(outcome)}; fetched {PlanText.Size(transfer.BytesFetched)} in {transfer.Requests} requests{(transfer.BytesFromCvmfs > 0 ? $", {PlanText.Size(transfer.BytesFromCvmfs)} in CVMFS" : "")}; server: {outcome.Reporting?.LastState}");
    }

    private static string Files(JobOutcome outcome) => string.Join(", ", outcome.Outputs.Files.Select(f =>
        string.Create(CultureInfo.InvariantCulture, $"{f.Lfn} {f.SizeBytes} B adler32 {f.Adler32}")));

    private sealed record Combination(string Strategy, string Launcher, string Reference, string CvmfsRoot);
}
