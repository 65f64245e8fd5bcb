using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using GridWrapper.Linux;
using GridWrapper.Serving;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Serving;

/// <summary>Checkpoints of compressed layers with damage that the digest does not show: refused, or reads that fail, or the right bytes. tests/testbed/fuzz-serving.sh runs it for as long as asked (GRIDWRAP_FUZZ_SECONDS).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class CheckpointFuzzTests
{
    private const int UsualRounds = 300;
    private const int Length = 3_000_000;
    private const int FirstMember = 2_700_000;

    [Test]
    public void No_content_leads_astray_even_with_the_right_digest()
    {
        TimeSpan asked = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable("GRIDWRAP_FUZZ_SECONDS"), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) ? seconds : 0);
        int seed = asked > TimeSpan.Zero ? Environment.TickCount : 1;
        Random random = new(seed);
        byte[] content = GzipMembers.Content(new Random(1), Length);
        var layer = new CompressedLayer([.. GzipMembers.Member(content.AsSpan(0, FirstMember), 2, 0), .. GzipMembers.Member(content.AsSpan(FirstMember), 1, 8)]);
        byte[] file = File.ReadAllBytes(layer.CheckpointsFile);
        (int refused, int failed, int read) = (0, 0, 0);
        long began = Stopwatch.GetTimestamp();
        int rounds = 0;
        for (; rounds < UsualRounds || Stopwatch.GetElapsedTime(began) < asked; rounds++)
        {
            byte[] changed = Damage(file, layer.Table, random);
            int at = random.Next(Length - 1000);
            byte[] some = new byte[1000];
            int? errno = null;
            Assert.That(() => errno = Read(layer.BlobFile, changed, at, some), Throws.Nothing, $"seed {seed}, round {rounds}: {Convert.ToBase64String(changed)}");
            Assert.That(errno is null or Errno.EIO || (errno == 0 && some.AsSpan().SequenceEqual(content.AsSpan(at, some.Length))), $"seed {seed}, round {rounds}, errno {errno}: {Convert.ToBase64String(changed)}");
            (refused, failed, read) = errno switch { null => (refused + 1, failed, read), 0 => (refused, failed, read + 1), _ => (refused, failed + 1, read) };
        }

        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rounds} damaged checkpoints of compressed layers, {refused} refused, {failed} reads failed"));
        Assert.That((refused > rounds / 10, failed > 0, read > rounds / 10), Is.EqualTo((true, true, true)), $"{refused} refused, {failed} failed, {read} read");
    }

    /// <returns>Null where the table is refused.</returns>
    private static int? Read(string blob, byte[] checkpoints, int at, byte[] into)
    {
        string path = $"{Path.GetDirectoryName(blob)}/damaged";
        File.WriteAllBytes(path, checkpoints);
        SafeFileHandle file = File.OpenHandle(path);
        try
        {
            CheckpointTable table = CheckpointFile.Read(file, checkpoints.Length);
            using var archive = new GzipArchive((File.OpenHandle(blob), file), table, new InflatePool(CompressedLayer.Library, mostPieces: 5, mostRuns: 2));
            return archive.Read(at, into);
        }
        catch (InvalidDataException)
        {
            return null;
        }
        finally
        {
            file.Dispose();
        }
    }

    /// <summary>Of the checkpoints and the counts behind them, not of the sums: with those anything would be right.</summary>
    private static byte[] Damage(byte[] file, CheckpointTable table, Random random)
    {
        byte[] changed = [.. file];
        int windows = table.Checkpoints.Sum(point => point.WindowBytes);
        int points = table.Checkpoints.Length * Unsafe.SizeOf<Checkpoint>();
        int sums = table.Sums.Length * sizeof(uint);
        int places = (file.Length - windows - sums - SHA256.HashSizeInBytes) / sizeof(int);
        for (int changes = 1 + random.Next(2); changes > 0; changes--)
        {
            int place = random.Next(places) * sizeof(int);
            int at = windows + (place < points ? place : place + sums);
            int before = BitConverter.ToInt32(changed, at);
            BitConverter.TryWriteBytes(changed.AsSpan(at), random.Next(5) switch { 0 => random.Next(), 1 => -1, 2 => random.Next(40), 3 => before + random.Next(-3, 4), _ => before ^ (1 << random.Next(31)) });
        }

        SHA256.HashData(changed.AsSpan(windows, changed.Length - windows - SHA256.HashSizeInBytes), changed.AsSpan(changed.Length - SHA256.HashSizeInBytes));
        return changed;
    }
}
