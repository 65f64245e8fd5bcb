using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class CvmfsGateTests
{
    private static ProbeQuestion Question(string? repository) => new()
    {
        Kind = ProbeKind.Tree,
        Arguments = ["/x"],
        FirstDeadline = TimeSpan.FromSeconds(1),
        StepDeadline = TimeSpan.FromSeconds(1),
        Repository = repository,
    };

    [Test]
    public async Task Only_a_repository_in_which_a_child_got_stuck_is_closed()
    {
        InProcessChildren children = new() { Instead = new ProbeReply { End = ProbeEnd.TimedOut, Trouble = "slow" } };
        CvmfsGate gate = new(children);
        Assert.That((await gate.AskAsync(Question("/cvmfs/a"), CancellationToken.None)).End, Is.EqualTo(ProbeEnd.TimedOut));
        children.Instead = new ProbeReply { End = ProbeEnd.Stuck, Trouble = "stuck", LeakedPid = 7 };
        Assert.That((await gate.AskAsync(Question("/cvmfs/a"), CancellationToken.None)).End, Is.EqualTo(ProbeEnd.Stuck), "after a slow answer it may be asked again");
        children.Instead = null;
        ProbeReply closed = await gate.AskAsync(Question("/cvmfs/a"), CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((closed.End, closed.LeakedPid, closed.Trouble), Is.EqualTo((ProbeEnd.NotAsked, (int?)7, "/cvmfs/a hung before: stuck")));
            Assert.That((await gate.AskAsync(Question("/cvmfs/b"), CancellationToken.None)).End, Is.EqualTo(ProbeEnd.Answered));
            Assert.That((await gate.AskAsync(Question(null), CancellationToken.None)).End, Is.EqualTo(ProbeEnd.Answered));
            Assert.That(children.Questions, Has.Count.EqualTo(4));
            Assert.That(gate.LeakedPids, Is.EqualTo((int[])[7]));
        }
    }

    [Test]
    public async Task One_child_at_a_time_is_in_a_repository()
    {
        Slow children = new();
        CvmfsGate gate = new(children);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => gate.AskAsync(Question("/cvmfs/a"), CancellationToken.None)));
        Assert.That((children.Most, children.Total), Is.EqualTo((1, 6)));
    }

    private sealed class Slow : IProbeChildren
    {
        private int _now;

        internal int Most { get; private set; }

        internal int Total { get; private set; }

        public async Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct)
        {
            Most = Math.Max(Most, Interlocked.Increment(ref _now));
            Total++;
            await Task.Delay(10, ct);
            Interlocked.Decrement(ref _now);
            return new ProbeReply { End = ProbeEnd.Answered };
        }
    }
}
