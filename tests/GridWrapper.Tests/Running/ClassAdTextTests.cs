using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Running;

/// <summary>What a machine is advertised to be able to do, and why not.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ClassAdTextTests
{
    private static readonly HostFacts Host = new() { Node = NodeProbe.Probe("/nonexistent", ImmutableDictionary<string, string>.Empty) };

    private static ImmutableArray<string> Lines(HostFacts host)
    {
        RunSettings settings = new()
        {
            Site = new SiteProfile { Name = "p", Strategies = ["directory", "cvmfs-flat", "lazy", "registry"] },
            CacheDirectory = "/cache",
            WorkDirectory = "/scratch",
            Environment = ImmutableDictionary<string, string>.Empty,
        };
        using Composition parts = Composition.Create(settings);
        return ClassAdText.Lines(parts, host);
    }

    [Test]
    public void A_node_that_can_launch_has_it()
    {
        NamespaceFacts works = new() { UserNamespace = StepResult.Ok, Bind = StepResult.Ok, Overlay = StepResult.Ok, OverlayUserXattr = StepResult.Ok, FreshProc = StepResult.Ok, Pivot = StepResult.Ok };
        ImmutableArray<string> lines = Lines(Host with { Namespaces = new Fact<NamespaceFacts>.Known(works) });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Is.EqualTo("HAS_GRIDWRAP = True"));
            Assert.That(lines, Does.Contain("GridWrapLaunchers = \"rootless\"").And.Contain("GridWrapStrategies = \"directory,registry\"").And.Contain("GridWrapGpus = False"));
            Assert.That(lines, Has.None.StartsWith("GridWrapReason"));
            Assert.That(lines, Has.All.Match("^[A-Za-z_]+ = (True|False|\"[^\"]*\")$"));
        }
    }

    [Test]
    public void A_node_that_cannot_says_why()
    {
        ImmutableArray<string> lines = Lines(Host);
        Assert.That(lines[0], Is.EqualTo("HAS_GRIDWRAP = False"));
        Assert.That(lines[^1], Does.StartWith("GridWrapReason = \"rootless: could not tell"));
    }
}
