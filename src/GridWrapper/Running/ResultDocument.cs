using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Outputs;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Reporting;
using GridWrapper.Serving;
using GridWrapper.Strategies;
using GridWrapper.Watching;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>gridwrap-result.json: the account of a run for machines. Schema: docs/schemas/gridwrap-result.schema.json. Pure.</summary>
internal static class ResultDocument
{
    internal static JObject Create(JobOutcome outcome)
    {
        ImageOutcome? image = outcome.Image;
        JObject document = new()
        {
            ["schemaVersion"] = 1,
            ["gridwrapVersion"] = ProductVersion.Number,
            ["node"] = image is null ? null : HostFactsReport.Json(image.Input.Host.Node),
            ["job"] = new JObject { ["pandaId"] = outcome.PandaId, ["taskId"] = outcome.Job?.TaskId, ["attempt"] = outcome.Attempt },
            ["image"] = image is null ? null : Image(image.Input.Image, image.Rootfs, image.Plan),
            ["plan"] = image is null ? null : Plan(image.Plan),
            ["attempts"] = new JArray(image?.Attempts.Select(Attempt) ?? []),
            ["preflight"] = Describe(image?.Findings ?? []),
            ["payload"] = image?.Result is { } result ? Payload(result, outcome.Sign) : null,
            ["outputs"] = new JArray(outcome.Outputs.Files.Select(Output)),
            ["missingOutputs"] = new JArray(outcome.Outputs.Missing),
            ["timings"] = Times(outcome.Timings),
            ["cost"] = image is null ? null : CostOf(image),
            ["transfer"] = Transfer(image?.Rootfs?.Transfer ?? new TransferCounts()),
            ["failure"] = outcome.Failure is { } failure ? Describe(failure) : null,
            ["reporting"] = outcome.Reporting is { } r
                ? new JObject { ["server"] = r.Server, ["lastState"] = r.LastState, ["updates"] = r.Updates, ["pending"] = r.Pending }
                : null,
        };
        if (image?.Result?.Serving is { } serving)
        {
            document.Property("transfer")!.AddAfterSelf(new JProperty("serving", Serving(serving)));
        }

        return document;
    }

    /// <summary>What serving the root took; there only where gridwrap served it.</summary>
    private static JObject Serving(ServingFigures figures) => new()
    {
        ["requests"] = figures.AllRequests,
        ["reads"] = figures.Requests.GetValueOrDefault("read"),
        ["bytesRead"] = figures.BytesRead,
        ["filesRead"] = figures.FirstReads.Length,
        ["waits"] = figures.SlowReads,
        ["cpuSeconds"] = Math.Round(figures.CpuSeconds, 3),
    };

    internal static JObject Image(ImageFacts facts, Rootfs? rootfs, RunPlan plan)
    {
        ResolvedImage? resolved = facts.Resolved.IsKnown(out ResolvedImage known) ? known : null;
        CvmfsImage? cvmfs = facts.Cvmfs.IsKnown(out CvmfsImage found) ? found : null;
        bool fromCvmfs = (rootfs?.Strategy ?? plan.Chosen?.Strategy) == "cvmfs-flat";
        Digest? remembered = facts.CvmfsLayers.IsKnown(out CvmfsLayers layers) && (rootfs?.Strategy ?? plan.Chosen?.Strategy) == CvmfsLayersStrategy.StrategyName ? layers.ConfigDigest : null;
        Digest? config = fromCvmfs ? cvmfs?.ConfigDigest : resolved?.Manifest.Config.Digest ?? remembered;
        JObject json = new()
        {
            ["reference"] = facts.Reference.ToString(),
            ["resolved"] = Resolved(facts.Reference, resolved),
            ["manifestDigest"] = resolved?.Manifest.Digest.ToString(),
            ["configDigest"] = config?.ToString(),
            ["platform"] = (resolved?.Config.Platform ?? rootfs?.Config?.Platform)?.ToString(),
            ["verified"] = Verified(fromCvmfs, cvmfs, resolved),
            ["layers"] = new JArray((rootfs?.Layers ?? []).Select(Layer)),
        };
        if (resolved?.Signature is { } proof)
        {
            json["signature"] = new JObject { ["key"] = proof.Key, ["digest"] = proof.Digest.ToString(), ["place"] = proof.Place };
        }

        return json;
    }

    /// <summary>What was predicted of the way that was taken, and what it came to.</summary>
    private static JObject? CostOf(ImageOutcome image)
    {
        if (image.Rootfs is not { } rootfs || image.Attempts.LastOrDefault() is not { } last || image.Plan.Candidates.FirstOrDefault(c => (c.Strategy, c.Way, c.Launcher) == (last.Strategy, last.Way, last.Launcher)) is not { } candidate)
        {
            return null;
        }

        return new JObject
        {
            ["predicted"] = Json(candidate.Cost),
            ["actual"] = Json(new Cost(rootfs.Transfer.BytesFetched, rootfs.Transfer.Requests, rootfs.Transfer.FilesMade, image.Timings.Materialise)),
        };
    }

    private static JObject Json(Cost cost)
    {
        JObject json = new() { ["bytes"] = cost.Bytes, ["requests"] = cost.Requests, ["files"] = cost.Files, ["seconds"] = Math.Round(cost.Seconds, 3) };
        if (cost.DiskBytes is { } disk)
        {
            json["diskBytes"] = disk;
        }

        return json;
    }

    private static JObject Layer(LayerOrigin layer)
    {
        JObject json = new() { ["digest"] = layer.Digest.ToString(), ["sizeBytes"] = layer.SizeBytes, ["source"] = layer.Source };
        if (layer.Root is { } root)
        {
            json["root"] = root;
        }

        if (layer.Packed)
        {
            json["packed"] = true;
        }

        if (layer.Unreadable > 0)
        {
            json["unreadable"] = layer.Unreadable;
        }

        return json;
    }

    internal static JObject Plan(RunPlan plan) => new()
    {
        ["chosen"] = plan.Chosen is { } chosen ? Named(chosen.Strategy, chosen.Way, chosen.Launcher) : null,
        ["candidates"] = new JArray(plan.Candidates.Select(c => new JObject(Named(c.Strategy, c.Way, c.Launcher).Properties())
        {
            ["usable"] = c.IsUsable,
            ["cost"] = c.IsUsable ? Json(c.Cost) : null,
            ["reason"] = c.Verdict.Reason,
        })),
    };

    internal static JArray Describe(ImmutableArray<Finding> findings) =>
        new(findings.Select(f => new JObject { ["check"] = f.Check, ["state"] = f.State, ["detail"] = f.Detail }));

    /// <summary>The way is there only where a strategy has several.</summary>
    private static JObject Named(string strategy, string way, string launcher) => way.Length == 0
        ? new JObject { ["strategy"] = strategy, ["launcher"] = launcher }
        : new JObject { ["strategy"] = strategy, ["way"] = way, ["launcher"] = launcher };

    internal static JObject Describe(Failure failure) => new()
    {
        ["blame"] = Lower(failure.Blame),
        ["phase"] = Lower(failure.Phase),
        ["step"] = failure.Step,
        ["errno"] = failure.Errno,
        ["pilotErrorCode"] = failure.PilotErrorCode,
        ["message"] = failure.Message,
        ["retryable"] = failure.Retryable,
    };

    internal static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    internal static string StopReasonName(StopReason reason) => reason switch
    {
        StopReason.None => "none",
        StopReason.Timeout => "timeout",
        StopReason.Cancelled => "cancelled",
        StopReason.LostHeartbeat => "lost-heartbeat",
        StopReason.Memory => "memory",
        StopReason.Looping => "looping",
        StopReason.Cpu => "cpu",
        StopReason.Disk => "disk",
        StopReason.Processes => "processes",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string? Resolved(ImageReference reference, ResolvedImage? resolved) => (reference, resolved) switch
    {
        (ImageReference.InRegistry r, { } found) => (r with { Tag = null, Digest = found.Manifest.Digest }).ToString(),
        (ImageReference.AtPath path, _) => path.Path,
        (_, null) => null,
        _ => reference.ToString(),
    };

    /// <summary>What was pulled by digest is verified by construction; a directory has nothing to be verified against.</summary>
    private static string Verified(bool fromCvmfs, CvmfsImage? cvmfs, ResolvedImage? resolved)
    {
        if (fromCvmfs && cvmfs is not null)
        {
            return Lower(cvmfs.Verification);
        }

        return resolved is null ? "unverified" : "verified";
    }

    private static JObject Attempt(Attempt attempt) => new(Named(attempt.Strategy, attempt.Way, attempt.Launcher).Properties())
    {
        ["root"] = attempt.Root,
        ["phase"] = Lower(attempt.Phase),
        ["step"] = attempt.Failure?.Step,
        ["errno"] = attempt.Failure?.Errno,
        ["blame"] = attempt.Failure is { } failure ? Lower(failure.Blame) : null,
        ["message"] = attempt.Failure?.Message,
        ["seconds"] = Math.Round(attempt.Seconds, 3),
    };

    private static JObject Payload(RunResult result, PayloadSign? sign)
    {
        JObject payload = Payload(result);
        if (sign is not null)
        {
            payload["diagnosis"] = new JObject { ["blame"] = Lower(sign.Blame), ["step"] = sign.Step, ["pilotErrorCode"] = sign.PilotErrorCode, ["message"] = sign.Message };
        }

        return payload;
    }

    private static JObject Payload(RunResult result) => new()
    {
        ["exitCode"] = result.ExitCode,
        ["signal"] = result.Signal,
        ["startedAt"] = Iso(result.StartedAt),
        ["endedAt"] = Iso(result.EndedAt),
        ["wallSeconds"] = Math.Round(result.WallSeconds, 3),
        ["cpuSeconds"] = Math.Round(result.CpuSeconds, 3),
        ["maxRssBytes"] = result.MaxRssBytes,
        ["oomKilled"] = result.OomKilled,
        ["stopReason"] = StopReasonName(result.StopReason),
        ["usage"] = result.Usage is { } usage ? Usage(usage) : null,
    };

    private static JObject Usage(PayloadUsage usage) => new()
    {
        ["means"] = usage.Means,
        ["samples"] = usage.SampleCount,
        ["maxRssBytes"] = usage.Maximum.Rss,
        ["maxPssBytes"] = usage.Maximum.Pss,
        ["maxSwapBytes"] = usage.Maximum.Swap,
        ["maxVirtualBytes"] = usage.Maximum.Virtual,
        ["avgRssBytes"] = usage.Average.Rss,
        ["avgPssBytes"] = usage.Average.Pss,
        ["cgroupPeakBytes"] = usage.CgroupPeakBytes,
        ["readChars"] = usage.ReadChars,
        ["writtenChars"] = usage.WrittenChars,
        ["readBytes"] = usage.ReadBytes,
        ["writtenBytes"] = usage.WrittenBytes,
        ["maxProcesses"] = usage.MaximumProcesses,
        ["maxThreads"] = usage.MaximumThreads,
        ["diskBytes"] = usage.DiskBytes,
    };

    private static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static JObject Output(OutputFile file)
    {
        JObject json = new()
        {
            ["name"] = file.Name,
            ["lfn"] = file.Lfn,
            ["sizeBytes"] = file.SizeBytes,
            ["adler32"] = file.Adler32,
            ["guid"] = file.Guid,
            ["url"] = file.Url,
        };
        if (file.Endpoint is { } endpoint)
        {
            json["endpoint"] = endpoint;
        }

        return json;
    }

    private static JObject Times(Timings t) => new()
    {
        ["probe"] = Math.Round(t.Probe, 3),
        ["resolve"] = Math.Round(t.Resolve, 3),
        ["materialise"] = Math.Round(t.Materialise, 3),
        ["stageIn"] = Math.Round(t.StageIn, 3),
        ["launch"] = Math.Round(t.Launch, 3),
        ["payload"] = Math.Round(t.Payload, 3),
        ["outputs"] = Math.Round(t.Outputs, 3),
        ["report"] = Math.Round(t.Report, 3),
    };

    internal static JObject Transfer(TransferCounts t) => new()
    {
        ["bytesFetched"] = t.BytesFetched,
        ["requests"] = t.Requests,
        ["bytesFromCache"] = t.BytesFromCache,
        ["bytesFromCvmfs"] = t.BytesFromCvmfs,
    };
}
