using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class Adler32Test
{
    // Known answers computed with zlib's adler32().
    private static IEnumerable<TestCaseData> Known()
    {
        yield return new TestCaseData(Array.Empty<byte>(), "00000001").SetName("empty");
        yield return new TestCaseData("a"u8.ToArray(), "00620062").SetName("one byte");
        yield return new TestCaseData("Wikipedia"u8.ToArray(), "11e60398").SetName("nine bytes");
        yield return new TestCaseData(Enumerable.Repeat((byte)0xff, 5552).ToArray(), "f18f9b8c").SetName("longest run of the largest byte");
        yield return new TestCaseData(Enumerable.Repeat((byte)0xff, 5553).ToArray(), "8e299c8b").SetName("one byte more than a run");
        yield return new TestCaseData(Enumerable.Range(0, 1_000_003).Select(i => (byte)(i & 0xff)).ToArray(), "9a51d99b").SetName("many runs and a rest");
        yield return new TestCaseData(new byte[65521], "00000001").SetName("zeros");
    }

    [TestCaseSource(nameof(Known))]
    public void Known_answers(byte[] data, string expected)
    {
        Adler32 sum = new();
        sum.Append(data);
        Assert.That(sum.ToString(), Is.EqualTo(expected));
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(5551)]
    [TestCase(5552)]
    [TestCase(5553)]
    public void Pieces_give_the_same_as_the_whole(int piece)
    {
        byte[] data = [.. Enumerable.Range(0, 20_011).Select(i => (byte)(i * 31 & 0xff))];
        Adler32 whole = new();
        whole.Append(data);
        Adler32 pieces = new();
        for (int i = 0; i < data.Length; i += piece)
        {
            pieces.Append(data.AsSpan(i, Math.Min(piece, data.Length - i)));
        }

        Assert.That(pieces, Is.EqualTo(whole));
    }

    [Test]
    public async Task A_file_is_summed_to_its_end()
    {
        using JobDirectory job = new();
        string path = job.Put("x", new string('a', 3_000_000));
        Adler32 whole = new();
        whole.Append(Encoding.ASCII.GetBytes(new string('a', 3_000_000)));
        Assert.That(await FileSum.OfAsync(path, CancellationToken.None), Is.EqualTo(new FileSum(3_000_000, whole.ToString())));
    }
}
