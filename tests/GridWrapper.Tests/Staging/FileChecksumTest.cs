using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

[Parallelizable(ParallelScope.All)]
public sealed class FileChecksumTest
{
    [TestCase("ad:11e60398", "adler32 11e60398")]
    [TestCase("ad:1E60398", "adler32 01e60398")]
    [TestCase("adler32:00000001", "adler32 00000001")]
    [TestCase("11e60398", "adler32 11e60398")]
    [TestCase("md5:9c677286866aad38f8e9b660f5411814", "md5 9c677286866aad38f8e9b660f5411814")]
    [TestCase("9C677286866AAD38F8E9B660F5411814", "md5 9c677286866aad38f8e9b660f5411814")]
    [TestCase("crc32:11e60398", null)]
    [TestCase("ad:xyz", null)]
    [TestCase("md5:1234", null)]
    [TestCase("", null)]
    [TestCase(null, null)]
    public void Forms(string? text, string? expected) => Assert.That(FileChecksum.Parse(text)?.ToString(), Is.EqualTo(expected));

    /// <summary>Wikipedia's example of adler32, and the other two of the same nine bytes.</summary>
    [TestCase("adler32", "11e60398")]
    [TestCase("md5", "9c677286866aad38f8e9b660f5411814")]
    [TestCase("sha256", "d38b38a2dd476e045c299e8ee5d6466834456d97bd592a71746b423a6a05f386")]
    public async Task Of_a_file(string kind, string expected)
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, "Wikipedia");
            FileChecksum wanted = new(kind, expected);
            Assert.That(await wanted.OfAsync(path, CancellationToken.None), Is.EqualTo(wanted));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
