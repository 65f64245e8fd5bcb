using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>Damaged footers and tables of contents: read or refused with InvalidDataException, and nothing else. GRIDWRAP_FUZZ_SECONDS lets it run longer, from another seed each time.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TocFuzzTests
{
    private const int Rounds = 2000;

    private static readonly string[] Splices =
    [
        "9223372036854775807", "-1", "1e400", "0.5", "null", "{}", "[]", "\"\"", "\"../..\"", "\"\\ud800\"", "\"\\u0000\"", "\"chunk\"", "\"reg\"", "\"hardlink\"", "\"zeros\"",
        "\"sha256:00\"", "true", "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:60Z\"", ",", "}", "]", "\"offset\":", "\"size\":4611686018427387904", "\"innerOffset\":1", "\"chunkSize\":1",
    ];

    private static readonly byte[] Json = Encoding.UTF8.GetBytes("""
        {"version":1,"entries":[
        {"name":"usr/","type":"dir","mode":493,"modtime":"2024-01-02T03:04:05Z","uid":0,"gid":0},
        {"name":"usr/f","type":"reg","size":3000,"mode":420,"offset":100,"chunkSize":2000,"chunkDigest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","xattrs":{"user.a":"YQ=="}},
        {"name":"usr/f","type":"chunk","chunkOffset":2000,"chunkSize":1000,"offset":900,"chunkDigest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
        {"name":"usr/h","type":"hardlink","linkName":"usr/f"},
        {"name":"l","type":"symlink","linkName":"usr","modtime":"2024-01-02T03:04:05.123456789+02:00"},
        {"name":"n","type":"char","devMajor":1,"devMinor":3},
        {"name":"z","type":"reg","size":5,"chunkType":"zeros","chunkSize":5},
        {"name":"s","type":"reg","size":1,"offset":900,"innerOffset":1000,"digest":"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}]}
        """);

    [Test]
    public void The_document_it_begins_with_is_sound() => Assert.That(FuzzReaders.Toc(Json), Is.EqualTo(FuzzCorpus.Way(null)));

    [Test]
    public void Damaged_tables_are_refused_or_read()
    {
        int read = 0;
        int rounds = ForEach("toc", FuzzReaders.Toc, random => Damage(random, Json), way => read += way == FuzzCorpus.Way(null) ? 1 : 0);
        TestContext.Out.WriteLine($"{rounds} tables, {read} of them read");
        Assert.That(read, Is.GreaterThan(0).And.LessThan(rounds));
    }

    [Test]
    public void Damaged_footers_are_refused_or_read()
    {
        byte[][] sound =
        [
            LazyBlob.GzipFooter([(byte)'S', (byte)'G', 22, 0, .. "0000000000000fffSTARGZ"u8]),
            LazyBlob.GzipFooter([.. "0000000000000fffSTARGZ"u8]),
            LazyBlob.GzipFooter([(byte)'S', (byte)'G', 17, 0, .. "STARGZEXTERNALTOC"u8]),
            [5, .. new byte[7], 6, .. new byte[7], 7, .. new byte[7], 1, .. new byte[31], .. "GNUlInUx"u8],
            [5, .. new byte[7], 6, .. new byte[7], 7, .. new byte[7], 1, .. new byte[7], .. "GnUlInUx"u8],
        ];
        int rounds = ForEach("footer", FuzzReaders.Footer, random => [(byte)random.Next(2), .. Damage(random, sound[random.Next(sound.Length)])]);
        Assert.That(rounds, Is.Positive);
    }

    [Test]
    public void Damaged_gzip_members_are_refused_or_read()
    {
        byte[] member = TarBuilder.Gzip(new TarBuilder().Entry('0', "stargz.index.json", Json, new TarBuilder.Header()).Build());
        int rounds = ForEach("member", FuzzReaders.Member, random => Damage(random, member));
        Assert.That(rounds, Is.Positive);
    }

    /// <summary>Bytes changed, cut, repeated, moved, and pieces of other documents put in.</summary>
    private static byte[] Damage(Random random, byte[] sound)
    {
        List<byte> bytes = [.. sound];
        for (int left = 1 + random.Next(3); left > 0 && bytes.Count > 0; left--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(40), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 3:
                    Splice(bytes, random, Encoding.UTF8.GetBytes(Splices[random.Next(Splices.Length)]));
                    break;
                case 4:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    Splice(bytes, random, sound[Math.Min(at, sound.Length)..Math.Min(at + length, sound.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>In the place of a value of a JSON document where there is one.</summary>
    private static void Splice(List<byte> bytes, Random random, byte[] piece)
    {
        int from = bytes.IndexOf((byte)':', random.Next(bytes.Count)) + 1;
        int to = from;
        while (to < bytes.Count && bytes[to] is not ((byte)',' or (byte)'}'))
        {
            to++;
        }

        bytes.RemoveRange(from, to - from);
        bytes.InsertRange(from, piece);
    }

    private static int ForEach(string reader, Func<byte[], string> read, Func<Random, byte[]> damaged, Action<string>? told = null)
    {
        int seconds = int.TryParse(Environment.GetEnvironmentVariable("GRIDWRAP_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out int given) ? given : 0;
        long began = TimeProvider.System.GetTimestamp();
        int first = seconds > 0 ? Random.Shared.Next() : 1;
        int count = 0;
        FuzzCorpus corpus = new(reader);
        for (; count < Rounds || TimeProvider.System.GetElapsedTime(began).TotalSeconds < seconds; count++)
        {
            int seed = unchecked(first + count);
            byte[] input = damaged(new Random(seed));
            try
            {
                string way = read(input);
                corpus.Note(way, input);
                told?.Invoke(way);
            }
            catch (Exception e) when (e is not AssertionException)
            {
                throw new AssertionException($"seed {seed}: {e.GetType().Name}: {e.Message}: {Convert.ToBase64String(input)}", e);
            }
        }

        corpus.Keep();
        return count;
    }
}
