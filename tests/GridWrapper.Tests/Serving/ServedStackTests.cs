using GridWrapper.Layers;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>A layer as a directory of a served tree is what unpacking for an overlay leaves on disk, its marks included.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class ServedStackTests
{
    private const int ArchivesInBatch = 40;

    private static IEnumerable<int> Seeds() => Enumerable.Range(1, 8);

    private static IEnumerable<byte[]> Removals()
    {
        yield return new TarBuilder().Dir("d").File("d/.wh.gone").File(".wh.file").File("kept", "x").Build();
        yield return new TarBuilder().Dir("d").File("d/.wh..wh..opq").File("d/new", "x").File("d/.wh.also").Dir("d/deep").File("d/deep/.wh.hidden").Build();
        yield return new TarBuilder().File(".wh.d").Dir("d").File("d/.wh.inside").File("d/new", "x").Build();
        yield return new TarBuilder().File(".wh.f").File("f", "both removed and made").File(".wh.l").Symlink("l", "f").Build();
        yield return new TarBuilder().File("a/b/c", "x").File("a/.wh.b2").HardLink("a/again", "a/b/c").File(".wh..wh..opq").Build();
    }

    [TestCaseSource(nameof(Removals))]
    public void Removals_are_overlays_own(byte[] tar) => Compare(tar);

    [TestCaseSource(nameof(Seeds))]
    public void Random_archives_are_what_is_unpacked(int seed)
    {
        var random = new RandomArchive(7000 + seed);
        int compared = 0;
        for (int i = 0; i < ArchivesInBatch; i++)
        {
            byte[] tar = random.Next();
            if (IsTaken(tar))
            {
                Compare(tar);
                compared++;
            }
        }

        Assert.That(compared, Is.GreaterThan(ArchivesInBatch / 8));
    }

    [Test]
    public void Layers_lie_side_by_side_and_names_of_one_file_stay_that()
    {
        ServedStack stack = new();
        int lower = stack.Add("lower", LayerTrees.Of(new TarBuilder().File("f", "x").HardLink("g", "f").Build()), 0);
        int upper = stack.Add("upper", LayerTrees.Of(new TarBuilder().File(".wh.f").Build()), 1);
        NodeTable table = stack.Table;
        int file = table.Find(lower, "f"u8);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((table.Find(NodeTable.Root, "lower"u8), table.Find(NodeTable.Root, "upper"u8)), Is.EqualTo((lower, upper)));
            Assert.That((table.Find(lower, "g"u8), table[file].Links, table[file].Source), Is.EqualTo((file, 2, 0)));
            Assert.That(table[table.Find(upper, "f"u8)].Mode, Is.EqualTo(NodeKind.CharacterDevice));
        }
    }

    [TestCase(false, NodeKind.File)]
    [TestCase(true, NodeKind.CharacterDevice)]
    public void Only_a_stack_shows_devices(bool isStack, uint kind)
    {
        using ServedRoot root = new(ServedStack.Alone(LayerTrees.Of(new TarBuilder().File(".wh.f").Build())), []) { IsStack = isStack };
        ServedTree tree = new(root, 1, 1);
        Node node = root.Table[root.Table.Find(NodeTable.Root, "f"u8)];
        Assert.That(tree.Mode(node) & NodeKind.Mask, Is.EqualTo(kind));
    }

    [Test]
    public void A_device_of_a_layer_is_an_empty_file_and_removes_nothing()
    {
        NodeTable table = new();
        table.Set(NodeTable.Root, "c"u8, table.Add(new Node { Mode = NodeKind.CharacterDevice | 0x1B6 }));
        table.Attributes[NodeTable.Root] = [("user.overlay.opaque"u8.ToArray(), "y"u8.ToArray()), ("user.note"u8.ToArray(), "kept"u8.ToArray())];
        NodeTable made = ServedStack.Alone(new LayerTree(table));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(made[made.Find(NodeTable.Root, "c"u8)].Mode, Is.EqualTo(NodeKind.File | 0x1B6));
            Assert.That(made.Attributes[NodeTable.Root], Has.Length.EqualTo(1));
            Assert.That(ServedStack.IsOpaque(made, NodeTable.Root), Is.False);
        }
    }

    /// <summary>By both ways: what is marked on disk in a directory that the archive has replaced meanwhile refuses the layer there.</summary>
    private static bool IsTaken(byte[] tar)
    {
        try
        {
            _ = LayerTrees.Of(tar);
            _ = TreeListing.Extract(tar);
            return true;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return false;
        }
    }

    private static void Compare(byte[] tar)
    {
        LayerTree layer = LayerTrees.Of(tar);
        (string path, LayerIndex index) = TreeListing.Extract(tar);
        LayerPaths paths = new(layer);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Lines(ServedStack.Alone(layer), tar), Is.EqualTo(TreeListing.Of(path)));
            Assert.That(paths.Whiteouts, Is.EqualTo(index.Whiteouts));
            Assert.That(paths.Implied, Is.EqualTo(index.Implied));
            Assert.That(paths.Opaques, Is.SubsetOf(index.Opaques));
        }
    }

    private static string[] Lines(NodeTable table, byte[] tar)
    {
        List<string> lines = [];
        Walk(table, NodeTable.Root, "", tar, lines);
        lines.Sort(StringComparer.Ordinal);
        return [.. lines];
    }

    private static void Walk(NodeTable table, int directory, string prefix, byte[] tar, List<string> lines)
    {
        for (int entry = table.NextEntry(directory, NodeTable.None); entry >= 0; entry = table.NextEntry(directory, entry))
        {
            int number = table.Entries[entry].Node;
            Node node = table[number];
            string path = prefix + Encoding.Latin1.GetString(table.Name(entry));
            string mode = Convert.ToString(node.Mode & 0xFFF, 8);
            if (NodeKind.IsDirectory(node.Mode))
            {
                lines.Add($"{path}/ {mode}{(ServedStack.IsOpaque(table, number) ? " opaque" : "")}");
                Walk(table, number, path + "/", tar, lines);
            }
            else
            {
                lines.Add((node.Mode & NodeKind.Mask) switch
                {
                    NodeKind.Link => $"{path} -> {Encoding.Latin1.GetString(table.Target(number))}",
                    NodeKind.File => $"{path} {mode} {(node.Size == 0 ? "" : Encoding.Latin1.GetString(tar, (int)node.Data, (int)node.Size))}",
                    NodeKind.CharacterDevice => $"{path} {mode} whiteout",
                    _ => $"{path} {mode} special",
                });
            }
        }
    }
}
