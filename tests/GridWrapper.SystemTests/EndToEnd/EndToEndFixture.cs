namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Base of the fixtures: whatever a test did, nothing may be left of it but the job directory and the cache.</summary>
internal abstract class EndToEndFixture
{
    /// <summary>For a payload's shell: names, modes, sizes, times, link targets and content of the image; what launchers put in is left out.</summary>
    protected const string ListTree =
        "cd / && find bin lib usr opt srv links modes names -type d -exec stat -c '%n %a' {} + 2>/dev/null | sort; "
        + "find bin lib usr opt srv links names -type l -exec stat -c '%N %Y' {} + 2>/dev/null | sort; "
        + "find bin lib usr opt srv modes names -type f -exec stat -c '%n %a %s %Y' {} + 2>/dev/null | sort; "
        + "find bin lib usr opt srv modes names -type f -exec md5sum {} + 2>/dev/null | sort";

    private readonly List<Area> _areas = [];
    private readonly Stack<string> _mounted = [];

    [TearDown]
    public async Task NothingIsLeftAsync()
    {
        while (_mounted.TryPop(out string? path))
        {
            Tool.Run("/bin/umount", path);
        }

        Area[] areas = [.. _areas];
        _areas.Clear();
        foreach (Area area in areas)
        {
            Assert.That(await area.LeftoversAsync(), Is.Empty, $"left behind by {TestContext.CurrentContext.Test.Name}");
        }
    }

    /// <summary>An area that is looked after at the end of the test.</summary>
    protected Area NewArea() => Register(new Area());

    /// <summary>A node where everybody may open /dev/fuse, as on most.</summary>
    protected Area FuseNode() => OpenFuse(NewArea());

    /// <summary>The same for an area that is there.</summary>
    protected static Area OpenFuse(Area area)
    {
        string id = area.Uid.ToString(CultureInfo.InvariantCulture);
        area.Entrance = [Testbed.Script("fuse-node.sh"), "/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"];
        return area;
    }

    /// <summary>Until the test's end.</summary>
    /// <param name="words">Of mount(8), before the path.</param>
    protected void Mount(string path, params string[] words)
    {
        Tool.Run("/bin/mount", [.. words, path]);
        _mounted.Push(path);
    }

    /// <summary>An empty file system of so many bytes in place of an area's cache.</summary>
    protected void MountCache(Area area, long bytes) =>
        Mount(area.Cache, "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes},mode=0700,uid={area.Uid}"), "tmpfs");

    protected Area Register(Area area)
    {
        _areas.Add(area);
        return area;
    }
}
