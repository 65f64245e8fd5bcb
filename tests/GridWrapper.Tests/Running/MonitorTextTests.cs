using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Watching;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Running;

/// <summary>The form of prmon, as the PanDA pilot reads it (pilot/user/atlas/utilities.py: columns by their heading, the summary by its keys).</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class MonitorTextTests
{
    private static readonly ResourceSample First = new() { Time = FakeClock.Origin, WallSeconds = 1, RssBytes = 2048, PssBytes = 1024, Processes = 1, Threads = 2 };

    private static readonly ResourceSample Second = First with
    {
        Time = FakeClock.Origin.AddSeconds(30),
        WallSeconds = 31,
        UserSeconds = 20.7,
        SystemSeconds = 3.2,
        RssBytes = 4096 * 1024,
        VirtualBytes = 1 << 30,
        ReadChars = 3100,
        Network = new NetworkCounters(10, 1, 20, 2),
    };

    [Test]
    public void ColumnsAreFoundByTheirHeading()
    {
        string[][] lines = [.. MonitorText.Series([First, Second]).TrimEnd('\n').Split('\n').Select(l => l.Split('\t'))];
        Dictionary<string, long> last = lines[0].Zip(lines[2]).ToDictionary(p => p.First, p => long.Parse(p.Second, CultureInfo.InvariantCulture));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Is.EquivalentTo((string[])
            [
                "Time", "nprocs", "nthreads", "pss", "rchar", "read_bytes", "rss", "rx_bytes", "rx_packets", "stime", "swap", "tx_bytes", "tx_packets", "utime", "vmem", "wchar",
                "write_bytes", "wtime",
            ]));
            Assert.That(lines, Has.Length.EqualTo(3).And.All.Length.EqualTo(18));
            Assert.That((last["Time"], last["wtime"], last["utime"], last["stime"]), Is.EqualTo((Second.Time.ToUnixTimeSeconds(), 31L, 20L, 3L)));
            Assert.That((last["rss"], last["pss"], last["vmem"], last["rchar"], last["tx_packets"]), Is.EqualTo((4096L, 1L, 1L << 20, 3100L, 2L)));
        }
    }

    [Test]
    public void TheSummaryHasWhatThePilotReads()
    {
        SampleSeries series = new();
        series.Add(First);
        series.Add(Second);
        JObject summary = MonitorText.Summary(series.Usage("sampling"), Second, NodeProbe.Probe("/nonexistent", ImmutableDictionary<string, string>.Empty));
        using (Assert.EnterMultipleScope())
        {
            foreach (string key in (string[])["rss", "vmem", "swap", "pss", "rchar", "wchar", "read_bytes", "write_bytes"])
            {
                Assert.That(summary.SelectToken($"Max.{key}")?.Type, Is.EqualTo(JTokenType.Integer), key);
                Assert.That(summary.SelectToken($"Avg.{key}"), Is.Not.Null, key);
            }

            Assert.That(((long)summary.SelectToken("Max.rss")!, (long)summary.SelectToken("Avg.rchar")!, (long)summary.SelectToken("Max.utime")!), Is.EqualTo((4096L, 100L, 20L)));
            Assert.That(summary.SelectToken("HW.mem.MemTotal"), Is.Not.Null);
        }
    }
}
