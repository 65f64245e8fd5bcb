using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class NodeTableTests
{
    [Test]
    public void A_name_leads_to_what_was_set_last()
    {
        NodeTable table = new();
        int first = File(table);
        int second = File(table);
        table.Set(NodeTable.Root, "a"u8, first);
        table.Set(NodeTable.Root, "a"u8, second);
        Assert.That((table.Find(NodeTable.Root, "a"u8), table[first].Links, table[second].Links), Is.EqualTo((second, 0, 1)));
    }

    [Test]
    public void What_is_removed_is_gone_with_all_below_it_and_may_come_again()
    {
        NodeTable table = new();
        int directory = Directory(table);
        int file = File(table);
        table.Set(NodeTable.Root, "d"u8, directory);
        table.Set(directory, "f"u8, file);
        table.Set(NodeTable.Root, "other"u8, file);
        bool removed = table.Remove(NodeTable.Root, "d"u8);
        Assert.That((removed, table.Find(NodeTable.Root, "d"u8), table.Find(directory, "f"u8), table[file].Links), Is.EqualTo((true, NodeTable.None, NodeTable.None, 1)));
        int again = Directory(table);
        table.Set(NodeTable.Root, "d"u8, again);
        Assert.That((table.Find(NodeTable.Root, "d"u8), Names(table, again), table.Remove(NodeTable.Root, "nothing"u8)), Is.EqualTo((again, "", false)));
    }

    [Test]
    public void A_directory_lists_its_names_in_the_order_they_came()
    {
        NodeTable table = new();
        foreach (string name in (string[])["c", "a", "b"])
        {
            table.Set(NodeTable.Root, Encoding.UTF8.GetBytes(name), File(table));
        }

        table.Remove(NodeTable.Root, "a"u8);
        Assert.That(Names(table, NodeTable.Root), Is.EqualTo("c b"));
        table.Clear(NodeTable.Root);
        Assert.That(Names(table, NodeTable.Root), Is.Empty);
    }

    [Test]
    public void Many_names_are_all_found_in_their_own_directories()
    {
        NodeTable table = new();
        int[] directories = [.. Enumerable.Range(0, 50).Select(_ => Directory(table))];
        for (int i = 0; i < 50; i++)
        {
            table.Set(NodeTable.Root, Name(i), directories[i]);
        }

        int[] files = new int[5000];
        for (int i = 0; i < files.Length; i++)
        {
            files[i] = File(table);
            table.Set(directories[i % 50], Name(i / 50), files[i]);
        }

        Assert.That(Enumerable.Range(0, files.Length).All(i => table.Find(directories[i % 50], Name(i / 50)) == files[i]), Is.True);
    }

    [Test]
    public void A_table_that_was_written_is_the_same_when_read()
    {
        NodeTable table = new();
        int link = table.AddLink(new Node { Mode = NodeKind.Link | 0x1FF }, "target"u8);
        table.Set(NodeTable.Root, "l"u8, link);
        NodeTable again = new(table.Nodes.ToArray(), table.Entries.ToArray(), table.Text.ToArray());
        Assert.That((again.Find(NodeTable.Root, "l"u8), Encoding.UTF8.GetString(again.Target(link))), Is.EqualTo((link, "target")));
    }

    [TestCaseSource(nameof(Damages))]
    public void A_damaged_table_is_refused(Action<Node[], TreeEntry[]> damage)
    {
        NodeTable table = new();
        table.Set(NodeTable.Root, "l"u8, table.AddLink(new Node { Mode = NodeKind.Link | 0x1FF }, "target"u8));
        table.Set(NodeTable.Root, "f"u8, File(table));
        Node[] nodes = table.Nodes.ToArray();
        TreeEntry[] entries = table.Entries.ToArray();
        damage(nodes, entries);
        Assert.That(() => new NodeTable(nodes, entries, table.Text.ToArray()), Throws.InstanceOf<InvalidDataException>());
    }

    private static IEnumerable<TestCaseData> Damages()
    {
        static TestCaseData Case(string name, Action<Node[], TreeEntry[]> damage) => new TestCaseData(damage).SetName($"A damaged table is refused: {name}");
        yield return Case("the root is a file", (nodes, _) => nodes[0].Mode = NodeKind.File);
        yield return Case("a link's target begins before the text", (nodes, _) => nodes[1].Data = -1);
        yield return Case("a link's target ends behind the text", (nodes, _) => nodes[1].Size = 1 << 20);
        yield return Case("a negative size", (nodes, _) => nodes[2].Size = -1);
        yield return Case("a parent that is no node", (nodes, _) => nodes[1].Parent = 9);
        yield return Case("a first entry that is none", (nodes, _) => nodes[0].FirstEntry = 2);
        yield return Case("a last entry that is none", (nodes, _) => nodes[0].LastEntry = -2);
        yield return Case("entries in a circle", (_, entries) => entries[1].Next = 0);
        yield return Case("an entry of no directory", (_, entries) => entries[0].Directory = 3);
        yield return Case("an entry to no node", (_, entries) => entries[0].Node = 3);
        yield return Case("a name behind the text", (_, entries) => entries[0].NameStart = 4096);
        yield return Case("a name without length", (_, entries) => entries[0].NameLength = 0);
    }

    private static byte[] Name(int number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static int File(NodeTable table) => table.Add(new Node { Mode = NodeKind.File | 0x1A4 });

    private static int Directory(NodeTable table) => table.Add(new Node { Mode = NodeKind.Directory | 0x1ED });

    private static string Names(NodeTable table, int directory)
    {
        List<string> names = [];
        for (int entry = table.NextEntry(directory, NodeTable.None); entry >= 0; entry = table.NextEntry(directory, entry))
        {
            names.Add(Encoding.UTF8.GetString(table.Name(entry)));
        }

        return string.Join(' ', names);
    }
}
