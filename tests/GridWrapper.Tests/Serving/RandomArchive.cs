using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>
/// Random archives as no honest builder writes them: the same few names over and over, as files, directories, links to each other and out, removals, with parents named, unnamed,
/// or behind links. Many are refused.
/// </summary>
internal sealed class RandomArchive(int seed)
{
    private static readonly string[] Names = ["a", "b", "c", "d"];
    private readonly Random _random = new(seed);

    internal byte[] Next()
    {
        var tar = new TarBuilder();
        for (int left = 1 + _random.Next(14); left > 0; left--)
        {
            Add(tar);
        }

        return tar.Build();
    }

    private void Add(TarBuilder tar)
    {
        string path = NewPath();
        int mode = _random.Next(0x1000);
        long time = 1_000_000_000 + _random.Next(1000);
        switch (_random.Next(16))
        {
            case 0 or 1 or 2 when _random.Next(8) == 0:
                tar.Dir("./", mode, time);
                break;
            case 0 or 1 or 2:
                tar.Dir(path, mode, time);
                break;
            case 3 or 4 or 5:
                tar.Entry('2', path, [], new TarBuilder.Header(Link: Pick(["a", "b", "./c", "../d", "/a", "..", "a/b", "/b/c", "nowhere", "."]), Mtime: time));
                break;
            case 6 or 7:
                tar.Entry('1', path, [], new TarBuilder.Header(Link: NewPath()));
                break;
            case 8:
                tar.Whiteout(path);
                break;
            case 9:
                tar.File(_random.Next(4) == 0 ? ".wh..wh..opq" : path + "/.wh..wh..opq");
                break;
            case 10:
                tar.Entry(Pick(['3', '4']), path, [], new TarBuilder.Header(Mode: mode, Mtime: time));
                break;
            case 11:
                tar.File(Pick(["./" + path, "/" + path, path + "//x", path + "/.wh..wh.plnk/x", "a/./" + path]), "odd", mode, time);
                break;
            default:
                tar.File(path, string.Create(CultureInfo.InvariantCulture, $"{_random.Next(1000)}"), mode, time);
                break;
        }
    }

    private string NewPath() => string.Join('/', Enumerable.Range(0, 1 + _random.Next(3)).Select(_ => Pick(Names)));

    private T Pick<T>(T[] from) => from[_random.Next(from.Length)];
}
