using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[Parallelizable(ParallelScope.All)]
[CancelAfter(30_000)]
internal sealed class ProgressDisplayTests
{
    [Test]
    public void The_total_comes_first_and_then_the_layers_on_their_way()
    {
        var progress = new PullProgress();
        progress.Begin(Layer("a", 100_000_000)).Reached(50_000_000);
        progress.Begin(Layer("b", 20_000_000)).Reached(20_000_000);
        progress.Begin(Layer("c", 30_000_000)).Reached(0);

        ImmutableArray<string> lines = ProgressDisplay.Lines(progress.Blobs, 200_000_000, TimeSpan.FromSeconds(7));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines, Has.Length.EqualTo(3));
            Assert.That(lines[0], Is.EqualTo("70.0 MB of 200.0 MB, 1 layers received, 10.0 MB/s, 13 s left"));
            Assert.That(lines[1], Does.Contain("[############............]  50 % of 100.0 MB"));
            Assert.That(lines[2], Does.Contain("[........................]   0 % of 30.0 MB"));
        }
    }

    [Test]
    public void Nothing_received_yet_has_no_time_left() =>
        Assert.That(ProgressDisplay.Lines([], 10, TimeSpan.Zero), Is.EqualTo(new[] { "0 B of 10 B, 0 layers received, 0 B/s" }));

    [TestCase(true)]
    [TestCase(false)]
    public async Task What_is_quick_shows_nothing(bool terminal, CancellationToken ct)
    {
        await using var output = new StringWriter();
        var display = new ProgressDisplay(new PullProgress(), output, TimeProvider.System) { Terminal = terminal };

        int answer = await display.ShowAsync(10, () => Task.FromResult(7), ct);

        Assert.That((answer, output.ToString()), Is.EqualTo((7, "")));
    }

    private static Descriptor Layer(string content, long size) => new(MediaTypes.OciLayerGzip, Digest.Of(Encoding.UTF8.GetBytes(content)), size);
}
