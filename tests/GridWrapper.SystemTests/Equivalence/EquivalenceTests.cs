using System.Runtime.Versioning;
using GridWrapper.Strategies;

namespace GridWrapper.SystemTests.Equivalence;

/// <summary>
/// The same tree whatever way the layers take: random stacks seen through layers in CVMFS, through pulled layers stacked by the kernel and by fuse-overlayfs, flattened, and as umoci unpacks them.
/// GRIDWRAP_EQUIVALENCE_STACKS sets another number of stacks than the usual one.
/// </summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Children), CancelAfter(120_000)]
internal sealed class EquivalenceTests
{
    private const int UsualStacks = 60;
    private const int StacksOfAnyBuilder = 5;
    private string _lister = "";

    private static IEnumerable<int> Seeds() =>
        Enumerable.Range(1, int.TryParse(Environment.GetEnvironmentVariable("GRIDWRAP_EQUIVALENCE_STACKS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : UsualStacks);

    [OneTimeSetUp]
    public void BuildLister() => _lister = Views.BuildLister();

    [TestCaseSource(nameof(Seeds))]
    public async Task A_random_stack_is_the_same_tree_by_every_way(int seed, CancellationToken ct)
    {
        StackFiles files = new(RandomStack.Make(seed));
        Random random = new(seed);
        ImmutableArray<int> all = [.. Enumerable.Range(0, files.Layers.Length)];
        ImmutableArray<int> some = [.. all.Where(_ => random.Next(2) == 0)];
        using Views views = new(files, _lister);
        string[] flat = await views.FlattenedAsync(ct);
        string[] stacked = await views.RegistryAsync(ct);
        string[] umoci = await views.UmociAsync();
        string[] packed = await views.PackedAsync(ct);
        string[] compressed = await views.CompressedAsync(ct);
        string[] mixed = await views.HybridAsync(some, 0, ct);
        using Views others = new(files, _lister);
        string[] inPlace = await others.HybridAsync(all, 0, ct);
        string[] fuse = await OrNextRungAsync(others.FuseAsync(ct), flat);
        string[] fuseHybrid = await OrNextRungAsync(others.HybridAsync(all, 0, ct, RootfsForm.FuseStack), flat);
        using Views chained = new(files, _lister);
        string[] chain = await chained.HybridAsync([.. all.Skip(all.Length / 2)], Math.Max(1, all.Length / 2), ct);
        ImmutableArray<int> places = [.. all.Select(_ => random.Next(4))];
        using Views served = new(files, _lister);
        string[] anywhere = await served.MixedAsync(places, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Difference(flat, anywhere), Is.Empty, $"layers in CVMFS, unpacked, packed, in the registry (0 to 3: {string.Join(',', places)}), against flattened");
            Assert.That(served.Origins.Zip(places).Where(p => p.Second > 1 && !p.First.Packed), Is.Empty, "what was packed stays so");
            Assert.That(Difference(flat, stacked), Is.Empty, "pulled and stacked, against flattened");
            Assert.That(Difference(flat, packed), Is.Empty, "packed (tree), against flattened");
            Assert.That(Difference(packed, compressed), Is.Empty, "packed and kept compressed, against packed");
            Assert.That(Difference(flat, mixed), Is.Empty, $"layers {string.Join(',', some)} in CVMFS, the others pulled, against flattened");
            Assert.That(Difference(flat, inPlace), Is.Empty, "all layers in CVMFS, against flattened");
            Assert.That(Difference(flat, chain), Is.Empty, "a chain in CVMFS below layers in CVMFS, against flattened");
            Assert.That(Difference(flat, fuse), Is.Empty, "pulled and stacked by fuse-overlayfs, against flattened");
            Assert.That(Difference(flat, fuseHybrid), Is.Empty, "layers in CVMFS stacked by fuse-overlayfs, against flattened");
            Assert.That(Difference(WithoutDirectoryTimes(flat), WithoutDirectoryTimes(umoci)), Is.Empty, "as umoci unpacks it, against flattened");
            Assert.That(others.Origins[0].Source, Is.EqualTo("cvmfs"), "the base layer, which has no removals");
        }
    }

    /// <summary>Those alone whose files need no kernel, in numbers; with directories that no entry names and links into lower layers, too.</summary>
    [TestCaseSource(nameof(Seeds))]
    public async Task A_random_stack_of_any_builder_is_the_same_tree_packed_and_flattened(int seed, CancellationToken ct)
    {
        for (int i = 0; i < StacksOfAnyBuilder; i++)
        {
            int number = (seed * 1000) + i;
            ImmutableArray<ImmutableArray<StackEntry>> stack = RandomStack.Make(number, RandomStack.Features.Implied | RandomStack.Features.Borrowed);
            if (ImpliesOverLink(stack))
            {
                continue;
            }

            using Views views = new(new StackFiles(stack), _lister);
            Assert.That(Difference(await OrRefusalAsync(views.FlattenedAsync(ct)), await OrRefusalAsync(views.PackedAsync(ct))), Is.Empty, $"stack {number}");
        }
    }

    /// <summary>A directory that a layer only implies lies on a link of a lower layer: what the layer does in both places then depends on the order of names, and each way has its own.</summary>
    private static bool ImpliesOverLink(ImmutableArray<ImmutableArray<StackEntry>> stack)
    {
        HashSet<string> links = [];
        foreach (ImmutableArray<StackEntry> layer in stack)
        {
            HashSet<string> stated = [.. layer.Where(entry => entry.Kind == 'd').Select(entry => entry.Path)];
            if (layer.Any(entry => Enumerable.Range(0, entry.Path.Length).Any(i => entry.Path[i] == '/' && !stated.Contains(entry.Path[..i]) && links.Contains(entry.Path[..i]))))
            {
                return true;
            }

            links.UnionWith(layer.Where(entry => entry.Kind == 'l').Select(entry => entry.Path));
        }

        return false;
    }

    /// <summary>More than fit in one page of mount options by their own names, and more than the kernel stacks.</summary>
    [TestCase(40), TestCase(120), TestCase(499), TestCase(520), CancelAfter(300_000)]
    public async Task Many_layers_are_the_same_tree_by_every_way(int count, CancellationToken ct)
    {
        StackFiles files = new([.. Enumerable.Range(0, count).Select(Numbered)]);
        using Views views = new(files, _lister);
        string[] flat = await views.FlattenedAsync(ct);
        string[] stacked = await views.RegistryAsync(ct);
        string[] fuse = await views.FuseAsync(ct);
        string[] hybrid = await views.HybridAsync([.. Enumerable.Range(0, count)], 0, ct);
        string[] packed = await views.PackedAsync(ct);
        using Views served = new(files, _lister);
        string[] anywhere = await served.MixedAsync([.. Enumerable.Range(0, count).Select(i => i % 4)], ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Difference(flat, anywhere), Is.Empty, "in CVMFS, unpacked, packed, in the registry");
            Assert.That(served.Origins.Count(o => o.Packed), Is.EqualTo(count <= 166 ? count / 2 : 0), "as long as all fit");
            Assert.That(flat, Has.Length.EqualTo(4), "the directory, the files of the two topmost layers, and the one that all replace");
            Assert.That(Difference(flat, stacked), Is.Empty, "pulled and stacked");
            Assert.That(Difference(flat, fuse), Is.Empty, "stacked by fuse-overlayfs");
            Assert.That(Difference(flat, hybrid), Is.Empty, "in CVMFS");
            Assert.That(Difference(flat, packed), Is.Empty, "packed (tree)");
            Assert.That(views.Origins.Count(o => o.Source == "cvmfs"), Is.EqualTo(count <= 166 ? count : 165), "as many as fit with the directories that correct their removals");
        }
    }

    /// <summary>A file of its own, which the next but one removes, and a file that all have.</summary>
    private static ImmutableArray<StackEntry> Numbered(int number) =>
    [
        new StackEntry('d', "d", 0x1ED, 1_000_000_000 + number),
        new StackEntry('f', string.Create(CultureInfo.InvariantCulture, $"d/{number}"), 0x1A4, 1_000_000_000, "own"),
        new StackEntry('f', "common", 0x1A4, 1_000_000_000 + number, number.ToString(CultureInfo.InvariantCulture)),
        .. number < 2 ? (StackEntry[])[] : [new StackEntry('f', string.Create(CultureInfo.InvariantCulture, $"d/.wh.{number - 2}"), 0x1A4, 1_000_000_000)],
    ];

    /// <summary>fuse-overlayfs does not list a directory in which a directory lies on a link to itself. The self-test of the root sees that in the root, and the layers are flattened.</summary>
    private static async Task<string[]> OrNextRungAsync(Task<string[]> view, string[] flattened)
    {
        try
        {
            return await view;
        }
        catch (Diagnostics.GridWrapperException e) when (e.Failure is { Step: "expect", Errno: "ENOMEM" })
        {
            return flattened;
        }
    }

    /// <summary>A link to a file that no layer has any more: both refuse the image, with the same words.</summary>
    private static async Task<string[]> OrRefusalAsync(Task<string[]> view)
    {
        try
        {
            return await view;
        }
        catch (Diagnostics.GridWrapperException e) when (e.Failure.Blame == Diagnostics.Blame.Image)
        {
            return [e.Message];
        }
    }

    private static string[] Difference(string[] expected, string[] seen) => [.. expected.Except(seen).Select(l => "- " + l), .. seen.Except(expected).Select(l => "+ " + l)];

    /// <summary>Removing something changes the time of the directory it was in; umoci leaves it at that.</summary>
    private static string[] WithoutDirectoryTimes(string[] lines) =>
        [.. lines.Select(l => l.Split(' ') is [var path, "d", var mode, _] ? $"{path} d {mode}" : l)];
}
