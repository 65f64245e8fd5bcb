namespace GridWrapper.Tests.Serving;

/// <summary>Whatever fuzzing has found ends as it did when it was found.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class FuzzCorpusTests
{
    [TestCase("footer")]
    [TestCase("index")]
    [TestCase("member")]
    [TestCase("request")]
    [TestCase("toc")]
    public void Every_input_ends_as_before(string reader)
    {
        IReadOnlyDictionary<string, byte[]> inputs = new FuzzCorpus(reader).Inputs;
        Assert.That(inputs, Has.Count.GreaterThan(5));
        using (Assert.EnterMultipleScope())
        {
            foreach ((string way, byte[] input) in inputs)
            {
                Assert.That(FuzzReaders.Of(reader, input), Is.EqualTo(way), Convert.ToBase64String(input));
            }
        }
    }

    [Test]
    public void Every_file_has_a_reader() => Assert.That(FuzzCorpus.Readers, Is.EqualTo(["footer", "index", "member", "request", "toc"]));
}
