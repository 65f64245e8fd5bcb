using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.SystemTests.Serving;

/// <summary>
/// This assembly as a program: serves <see cref="TestTree"/> to a payload, as gridwrap would. Words: how many times, "ro" or "rw", the payload's command. The job directory is the
/// current one, and has a subdirectory "cache". The last line of standard output is what it took.
/// </summary>
internal static class ServingProgram
{
    private static int Main(string[] args)
    {
        if (args.Length < 3)
        {
            return ExitCodes.CannotRun;
        }

        int count = int.Parse(args[0], CultureInfo.InvariantCulture);
        TestTree tree = new();
        using ServedRoot root = new(tree.Table, TestTree.Sources);
        string before = "";
        RunResult? result = null;
        try
        {
            for (int i = 0; i < count; i++)
            {
                before = i == Math.Min(count / 2, 50) ? State() : before;
                result = Run(root, args[1] == "rw", [.. args[2..]]);
            }
        }
        catch (GridWrapperException e)
        {
            Console.WriteLine($"failed {e.Failure.Phase} {e.Failure.Step} {e.Failure.Errno} {e.Failure.Blame} retryable={e.Failure.Retryable}: {e.Message}");
            return ExitCodes.CannotRun;
        }

        ServingFigures? figures = result!.Serving;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"served {string.Join(' ', figures?.Requests.Select(r => $"{r.Key}={r.Value}") ?? [])} bytes={figures?.BytesRead} slow={figures?.SlowReads} touched={figures?.FirstReads.Length} cpu={figures?.CpuSeconds:0.000} wall={result.WallSeconds:0.000} before[{before}] after[{State()}]"));
        return result.ExitCode;
    }

    private static RunResult Run(ServedRoot root, bool writable, ImmutableArray<string> command)
    {
        string here = Directory.GetCurrentDirectory();
        string cache = Path.Combine(here, "cache");
        RootlessLauncher launcher = new(cache);
        NodeFacts node = NodeProbe.Identity(ImmutableDictionary<string, string>.Empty);
        LaunchRequest request = new()
        {
            Rootfs = new Rootfs { Strategy = "test", LowerDirectories = [Directory.CreateDirectory(Path.Combine(cache, "mount")).FullName], Served = root, IsServed = true },
            Plan = new PlanInput
            {
                Site = new SiteProfile { Name = "test" },
                Host = new HostFacts { Node = node, Namespaces = new Fact<NamespaceFacts>.Known(Works) },
                Image = new ImageFacts { Reference = new ImageReference.AtPath("/image") },
                CacheDirectory = cache,
                Writable = writable,
            },
            Command = command,
            JobDirectory = here,
            ScratchDirectory = Directory.CreateDirectory(Path.Combine(cache, "scratch")).FullName,
            Writable = writable,
        };
        return launcher.Run(launcher.Build(request), new RunControl { Grace = TimeSpan.FromSeconds(2), Stop = new StopSource() }, CancellationToken.None);
    }

    private static NamespaceFacts Works => new()
    {
        UserNamespace = StepResult.Ok,
        Bind = StepResult.Ok,
        Overlay = StepResult.Ok,
        OverlayUserXattr = StepResult.Ok,
        FreshProc = StepResult.Ok,
        Pivot = StepResult.Ok,
    };

    /// <summary>What could leak.</summary>
    private static string State()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        string resident = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(':')[1].Replace(" kB", "", StringComparison.Ordinal).Trim();
        return $"heap={GC.GetTotalMemory(true)} fds={Directory.GetFiles("/proc/self/fd").Length} threads={Directory.GetDirectories("/proc/self/task").Length} rss={resident}";
    }
}
