using GridWrapper.Linux;
using GridWrapper.Probing;
using static GridWrapper.Launching.LaunchOperations;

namespace GridWrapper.Launching;

/// <summary>
/// Does in a throw-away child what a launch does: namespaces, maps, tmpfs, bind, overlay with a write, proc, pivot. The child is gone afterwards,
/// and everything that it mounted with it.
/// </summary>
internal static class NamespaceProbe
{
    private static readonly List<LaunchOperation> Steps =
    [
        new(SlaveRoot, null, null),
        new(Base, null, "/tmp"),
        new(OverlayTest, null, null),
        new(OverlayTest, null, null, "userxattr"),
        new(Overlay, null, null),
        new(Underlay, "/usr", null),
        new(Scaffold, null, "/proc"),
        new(Scaffold, null, "/mnt"),
        new(Bind, "/usr", "/mnt"),
        new(Proc, null, "/proc"),
        new(FuseTest, null, null),
        new(Enter, null, "/"),
    ];

    /// <param name="helperDirectory">As for the launcher.</param>
    /// <param name="deadline">After it the child is killed and the answer is "could not tell".</param>
    /// <param name="ct">Cancels the wait.</param>
    internal static async Task<Fact<NamespaceFacts>> ProbeAsync(string helperDirectory, TimeSpan deadline, CancellationToken ct)
    {
        Fact<ImmutableArray<InitReport>> told = await TryAsync([.. Steps], helperDirectory, deadline, ct);
        if (!told.IsKnown(out ImmutableArray<InitReport> reports))
        {
            return new Fact<NamespaceFacts>.Unknown(told.Why);
        }

        NamespaceFacts facts = Judge(reports);
        return new Fact<NamespaceFacts>.Known(facts.StacksLayers || !facts.UserNamespace.Works ? facts : await FuseOverlayProbe.AddAsync(facts, helperDirectory, deadline, ct));
    }

    /// <summary>Does the steps in a throw-away child, each whatever became of those before.</summary>
    internal static async Task<Fact<ImmutableArray<InitReport>>> TryAsync(ImmutableArray<LaunchOperation> steps, string helperDirectory, TimeSpan deadline, CancellationToken ct)
    {
        LaunchSpec spec = new()
        {
            Launcher = "rootless",
            Argv = [],
            Environment = ImmutableSortedDictionary<string, string>.Empty,
            WorkingDirectory = "/",
            UidMap = [string.Create(CultureInfo.InvariantCulture, $"{Libc.GetUid()} {Libc.GetUid()} 1")],
            GidMap = [string.Create(CultureInfo.InvariantCulture, $"{Libc.GetGid()} {Libc.GetGid()} 1")],
            Operations = steps,
        };
        byte[] plan = PlanEncoder.Encode(spec, PlanEncoder.Mode.Probe | PlanEncoder.Mode.PidNamespace, new PlanCaller(Environment.ProcessId, TimeSpan.Zero, 0));
        return await Task.Factory.StartNew(() => Try(plan, helperDirectory, deadline, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static Fact<ImmutableArray<InitReport>> Try(byte[] plan, string helperDirectory, TimeSpan deadline, CancellationToken ct)
    {
        try
        {
            using InitProcess init = InitProcess.Start(plan, StandardStreams.Inherited, helperDirectory);
            using CancellationTokenRegistration cancelled = ct.Register(init.Kill);
            List<InitReport> reports = [];
            long end = Environment.TickCount64 + (deadline.Ticks / TimeSpan.TicksPerMillisecond);
            while (init.Next(TimeSpan.FromMilliseconds(Math.Max(0, end - Environment.TickCount64))) is { } report)
            {
                reports.Add(report);
            }

            bool answered = init.HasEnded;
            init.Kill();
            _ = init.End(TimeSpan.FromSeconds(1));
            ct.ThrowIfCancellationRequested();
            return answered
                ? new Fact<ImmutableArray<InitReport>>.Known([.. reports])
                : new Fact<ImmutableArray<InitReport>>.Unknown(string.Create(CultureInfo.InvariantCulture, $"no answer within {deadline.TotalSeconds:0} s"));
        }
        catch (LinuxException e)
        {
            return new Fact<ImmutableArray<InitReport>>.Unknown($"the probe could not be started: {e.Message}");
        }
    }

    /// <summary>Pure: the reports of the steps as facts.</summary>
    internal static NamespaceFacts Judge(IReadOnlyList<InitReport> reports)
    {
        StepResult setup = reports.FirstOrDefault(r => r.Kind is InitReportKind.SetupFailed or InitReportKind.BadPlan) is { } failed
            ? Failed(failed.StepName([.. Steps]), failed.Errno)
            : First(reports, SlaveRoot, 0) is { Works: false } slave ? slave : First(reports, Base, 0);
        return new NamespaceFacts
        {
            UserNamespace = setup,
            Bind = First(reports, Bind, 0),
            Overlay = First(reports, OverlayTest, 0) is { Works: false } plain ? plain : First(reports, Overlay, 0),
            Underlay = First(reports, Underlay, 0) is { Works: false } under ? under : First(reports, Scaffold, 0),
            OverlayUserXattr = First(reports, OverlayTest, 1),
            Fuse = First(reports, FuseTest, 0),
            FreshProc = First(reports, Proc, 0),
            Pivot = First(reports, Enter, 0),
        };
    }

    private static StepResult First(IReadOnlyList<InitReport> reports, string op, int occurrence)
    {
        int index = Steps.FindIndex(s => s.Op == op && occurrence-- == 0);
        InitReport? report = reports.FirstOrDefault(r => r.Kind == InitReportKind.Step && r.Step == index);
        return report switch
        {
            null => new StepResult(false, null, "not tried: an earlier step failed"),
            { Errno: 0 } => StepResult.Ok,
            _ => Failed(op, report.Errno),
        };
    }

    internal static StepResult Failed(string step, int errno) => new(false, Errno.Name(errno), $"{step}: {Errno.Name(errno)}");
}
