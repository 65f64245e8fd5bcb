using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Mount points in a served tree: where src/init/paths.c would look for them.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class TreePathsTests
{
    [TestCase("/a/b/c", "/a/b/c", Description = "made with its parents")]
    [TestCase("/", "/")]
    [TestCase("/link/new", "/real/new", Description = "through a link")]
    [TestCase("/absolute", "/real/deep")]
    [TestCase("/up/x", "/x", Description = "no link leads out")]
    [TestCase("/dangling/x", "/not/there/x", Description = "what a link leads to is made")]
    [TestCase("/real/../other//./y", "/other/y")]
    [TestCase("/file", "/file", Description = "what is there is left")]
    public void A_directory_is_made_where_the_path_leads(string path, string expected)
    {
        NodeTable tree = Tree();
        int made = TreePaths.MakeDirectory(tree, path);
        Assert.That(made, Is.Not.Negative.And.EqualTo(Plain(tree, expected)));
    }

    [TestCase("/file/x"), TestCase("/circle/x"), TestCase("/circle")]
    public void Nothing_is_made_where_nothing_can_be(string path) => Assert.That(TreePaths.MakeDirectory(Tree(), path), Is.EqualTo(NodeTable.None));

    [TestCase("/etc/hosts", "/etc/hosts")]
    [TestCase("/link/f", "/real/f")]
    [TestCase("/link", "/link", Description = "a link is itself mounted on")]
    [TestCase("/top", "/top")]
    public void A_file_is_made_where_its_directory_leads(string path, string expected)
    {
        NodeTable tree = Tree();
        int made = TreePaths.MakeFile(tree, path);
        Assert.That(made, Is.Not.Negative.And.EqualTo(Plain(tree, expected)));
        Assert.That(NodeKind.IsFile(tree[made].Mode) ? tree[made].Size : 0, Is.Zero);
    }

    [TestCase("/file/x"), TestCase("/circle/x"), TestCase("/")]
    public void No_file_is_made_where_none_can_be(string path) => Assert.That(TreePaths.MakeFile(Tree(), path), Is.EqualTo(NodeTable.None));

    [Test]
    public void What_is_made_twice_is_there_once()
    {
        NodeTable tree = Tree();
        _ = TreePaths.MakeFile(tree, "/a/f");
        int count = tree.Count;
        _ = TreePaths.MakeFile(tree, "/a/f");
        _ = TreePaths.MakeDirectory(tree, "/a");
        Assert.That(tree.Count, Is.EqualTo(count));
    }

    private static NodeTable Tree()
    {
        NodeTable tree = new();
        int real = tree.Add(new Node { Mode = NodeKind.Directory | 0x1ED });
        tree.Set(NodeTable.Root, "real"u8, real);
        tree.Set(NodeTable.Root, "file"u8, tree.Add(new Node { Mode = NodeKind.File | 0x1A4 }));
        foreach ((string name, string target) in ((string, string)[])[("link", "real"), ("absolute", "/real/deep"), ("up", "../../.."), ("dangling", "not/there"), ("circle", "circle")])
        {
            tree.Set(NodeTable.Root, Encoding.UTF8.GetBytes(name), tree.AddLink(new Node { Mode = NodeKind.Link | 0x1FF }, Encoding.UTF8.GetBytes(target)));
        }

        return tree;
    }

    /// <summary>The node of a path without links.</summary>
    private static int Plain(NodeTable tree, string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Aggregate(NodeTable.Root, (at, name) => at < 0 ? at : tree.Find(at, Encoding.UTF8.GetBytes(name)));
}
