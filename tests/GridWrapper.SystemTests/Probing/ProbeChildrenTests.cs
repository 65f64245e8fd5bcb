using System.Diagnostics;
using GridWrapper.Probing;
using GridWrapper.Tests.Probing;

namespace GridWrapper.SystemTests.Probing;

/// <summary>Real child processes: what they answer, and how they are ended.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ProbeChildrenTests
{
    private static readonly ProbeProgram Self = new(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "gridwrap.dll")]);

    private static ProbeQuestion Question(double seconds = 20, string path = "/") => new()
    {
        Kind = ProbeKind.Path,
        Arguments = [path, "/cvmfs"],
        FirstDeadline = TimeSpan.FromSeconds(seconds),
        StepDeadline = TimeSpan.FromSeconds(seconds),
    };

    private static ProbeProgram Shell(string script) => new("/bin/sh", ["-c", script]);

    [Test]
    [CancelAfter(60_000)]
    public async Task A_child_answers_and_is_gone()
    {
        ProbeReply reply = await new ProbeChildren(Self, TimeProvider.System).AskAsync(Question(), CancellationToken.None);
        Assert.That((reply.End, reply["kind"], reply["path"], reply.LeakedPid), Is.EqualTo((ProbeEnd.Answered, "directory", "/", (int?)null)), reply.Trouble);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Ten_children_at_once_do_not_take_each_other_s_answers()
    {
        using Scratch scratch = new();
        string[] paths = [.. Enumerable.Range(0, 10).Select(i => Directory.CreateDirectory(Path.Combine(scratch.Path, $"d{i}")).FullName)];
        ProbeChildren children = new(Self, TimeProvider.System);
        ProbeReply[] replies = await Task.WhenAll(paths.Select(p => children.AskAsync(Question(60, p), CancellationToken.None)));
        Assert.That(replies.Select(r => r["path"]), Is.EqualTo(paths));
    }

    [TestCase("exit 3", "ended at step 'start'")]
    [TestCase("printf 'step=open\\0a=1' >&3; kill -9 $$", "ended at step 'open'")]
    [CancelAfter(60_000)]
    public async Task A_child_that_dies_is_a_failure_that_names_the_step(string script, string trouble)
    {
        ProbeReply reply = await new ProbeChildren(Shell(script), TimeProvider.System).AskAsync(Question(), CancellationToken.None);
        Assert.That((reply.End, reply.LeakedPid), Is.EqualTo((ProbeEnd.Failed, (int?)null)));
        Assert.That(reply.Trouble, Does.Contain(trouble));
    }

    [TestCase("sleep 60", 0.0)]
    [TestCase("trap '' TERM; sleep 60 & wait; sleep 60", 1.0)]
    [CancelAfter(60_000)]
    public async Task A_child_that_says_nothing_is_ended_with_its_own_children(string script, double patience)
    {
        string marker = $"{60000 + Random.Shared.Next(10000)}";
        ProbeReply reply = await new ProbeChildren(Shell(script.Replace("60", marker)), TimeProvider.System).AskAsync(Question(0.5), CancellationToken.None);
        Assert.That((reply.End, reply.LeakedPid), Is.EqualTo((ProbeEnd.TimedOut, (int?)null)));
        Assert.That(reply.Seconds, Is.InRange(0.5 + patience, 3.0 + patience));
        Assert.That(() => Running($"sleep\0{marker}"), Is.Empty.After(2000, 20));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Each_step_has_its_own_deadline()
    {
        ProbeQuestion question = Question() with { FirstDeadline = TimeSpan.FromSeconds(20), StepDeadline = TimeSpan.FromSeconds(0.4) };
        ProbeReply reply = await new ProbeChildren(Shell("sleep 0.8; printf 'step=list\\0' >&3; sleep 30"), TimeProvider.System).AskAsync(question, CancellationToken.None);
        Assert.That((reply.End, reply.Step), Is.EqualTo((ProbeEnd.TimedOut, "list")));
        Assert.That(reply.Seconds, Is.InRange(1.2, 5.0));
    }

    [Test]
    [CancelAfter(60_000)]
    public void A_cancelled_question_ends_its_child()
    {
        string marker = $"{70000 + Random.Shared.Next(10000)}";
        using CancellationTokenSource giveUp = new(TimeSpan.FromSeconds(0.3));
        long start = Stopwatch.GetTimestamp();
        Assert.CatchAsync<OperationCanceledException>(() => new ProbeChildren(Shell($"sleep {marker}"), TimeProvider.System).AskAsync(Question(60), giveUp.Token));
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(4)));
        Assert.That(() => Running($"sleep\0{marker}"), Is.Empty.After(2000, 20));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_program_that_does_not_exist_is_a_failure()
    {
        ProbeReply reply = await new ProbeChildren(new ProbeProgram("/nonexistent/gridwrap", []), TimeProvider.System).AskAsync(Question(), CancellationToken.None);
        Assert.That(reply.End, Is.EqualTo(ProbeEnd.Failed));
        Assert.That(reply.Trouble, Does.Contain("ENOENT"));
    }

    private static string[] Running(string commandLine) =>
        [.. Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])).Where(d => CommandLine(d).StartsWith(commandLine, StringComparison.Ordinal))];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // it ended meanwhile
        }
    }
}
