using System.Diagnostics;
using System.Security.Cryptography;

namespace GridWrapper.Tests.Serving;

/// <summary>Indexes of packed layers with damage that the digest does not show: refused, or a tree like others. tests/testbed/fuzz-serving.sh runs it for as long as asked (GRIDWRAP_FUZZ_SECONDS).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PackedIndexFuzzTests
{
    private const int UsualRounds = 3000;

    [Test]
    public void No_content_leads_astray_even_with_the_right_digest()
    {
        TimeSpan asked = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable("GRIDWRAP_FUZZ_SECONDS"), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) ? seconds : 0);
        int seed = asked > TimeSpan.Zero ? Environment.TickCount : 1;
        Random random = new(seed);
        long began = Stopwatch.GetTimestamp();
        byte[] file = PackedIndexFileTests.Written().File;
        FuzzCorpus corpus = new("index");
        int refused = 0;
        int rounds = 0;
        for (; rounds < UsualRounds || Stopwatch.GetElapsedTime(began) < asked; rounds++)
        {
            byte[] changed = Damage(file, random);
            string way = "";
            Assert.That(() => way = FuzzReaders.Index(changed), Throws.Nothing, $"seed {seed}, round {rounds}: {Convert.ToBase64String(changed)}");
            corpus.Note(way, changed);
            refused += way == FuzzCorpus.Way(null) ? 0 : 1;
        }

        corpus.Keep();
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rounds} damaged indexes of packed layers, {refused} refused"));
        Assert.That(refused, Is.GreaterThan(rounds / 10).And.LessThan(rounds));
    }

    private static byte[] Damage(byte[] file, Random random)
    {
        byte[] changed = [.. file];
        for (int changes = 1 + random.Next(3); changes > 0; changes--)
        {
            int at = random.Next((file.Length - 32) / 4) * 4;
            int before = BitConverter.ToInt32(changed, at);
            BitConverter.TryWriteBytes(changed.AsSpan(at), random.Next(4) switch { 0 => random.Next(), 1 => -1, 2 => random.Next(40), _ => before ^ (1 << random.Next(31)) });
        }

        SHA256.HashData(changed.AsSpan(0, changed.Length - 32), changed.AsSpan(changed.Length - 32));
        return changed;
    }
}
