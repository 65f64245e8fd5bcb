using System.Diagnostics;
using System.Runtime.InteropServices;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Linux;

[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(20_000)]
internal sealed class PipeTeeTests
{
    private const int Keep = 64;

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(Keep)]
    [TestCase(Keep + 1)]
    [TestCase(3 * Keep)]
    [TestCase(500_000)]
    public void CopiesEveryByteAndKeepsTheEnd(int length)
    {
        byte[] sent = [.. Enumerable.Range(0, length).Select(i => (byte)('a' + (i % 23)))];
        string path = TemporaryFile();
        using SafeFileHandle target = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        using PipeTee tee = new((int)target.DangerousGetHandle(), Keep, TimeSpan.FromSeconds(5));
        Write(tee.WriteEnd, sent);
        string end = tee.Finish();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllBytes(path), Is.EqualTo(sent));
            Assert.That(tee.TotalBytes, Is.EqualTo(length));
            Assert.That(end, Is.EqualTo(Encoding.ASCII.GetString(sent[Math.Max(0, length - Keep)..])));
        }
    }

    [Test]
    public void AWriterThatOutlivesTheEndIsNotWaitedFor()
    {
        using SafeFileHandle target = File.OpenHandle("/dev/null", access: FileAccess.Write);
        using PipeTee tee = new((int)target.DangerousGetHandle(), Keep, TimeSpan.FromSeconds(1));
        using SafeFileHandle held = File.OpenHandle(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{tee.WriteEnd}"), access: FileAccess.Write);
        Write((int)held.DangerousGetHandle(), "last words"u8.ToArray());
        long began = Stopwatch.GetTimestamp();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tee.Finish(), Is.EqualTo("last words"));
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(5)));
        }
    }

    [Test]
    public void AReaderThatIsGoneStopsNobody()
    {
        using SafeFileHandle target = File.OpenHandle("/dev/full", access: FileAccess.Write);
        using PipeTee tee = new((int)target.DangerousGetHandle(), Keep, TimeSpan.FromSeconds(5));
        Write(tee.WriteEnd, new byte[300_000]);
        _ = tee.Finish();
        Assert.That(tee.TotalBytes, Is.EqualTo(300_000));
    }

    private static unsafe void Write(int fd, byte[] bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint written = Libc.Write(fd, start + done, bytes.Length - done);
                Assert.That((long)written, Is.Positive, Marshal.GetLastPInvokeErrorMessage);
                done += (int)written;
            }
        }
    }

    private static string TemporaryFile() => Path.Combine(TestContext.CurrentContext.WorkDirectory, "tee-" + Guid.NewGuid().ToString("N"));
}
