namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>One image under every name and packing that can be given: the payload sees the same files.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class ImageFormsTests : EndToEndFixture
{
    /// <summary>Writes what is below the directories that no launcher touches, in the form of image.sh's list.</summary>
    private const string Listing = """
        cd /
        find bin data home links modes names usr lib64 | while read -r p; do
            if [ -L "$p" ]; then echo "l 0777 0 - $p -> $(readlink "$p")"
            elif [ -d "$p" ]; then echo "d $(printf %04d "$(stat -c %a "$p")") 0 - $p"
            else set -- $(sha256sum "$p"); echo "f $(printf %04d "$(stat -c %a "$p")") $(stat -c %s "$p") $1 $p"; fi
        done
        """;

    private static readonly string[] Places = ["bin", "data", "home", "links", "modes", "names", "usr", "lib64"];

    private static readonly string[] References =
    [
        "docker://{registry}:gzip", "docker://{registry}:zstd", "docker://{registry}:multi", "docker://{registry}:docker", "{registry}:multi-docker",
        "docker://{registry}@{digest}", "docker://{registry}:latest@{latest}", "{registry}", "oci:{image}/layout:zstd", "oci-archive:{image}/oci.tar", "docker-archive:{image}/docker.tar", "{tree}",
    ];

    [TestCaseSource(nameof(References))]
    public async Task The_payload_sees_the_images_tree(string reference, CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", Name(reference), "--", "/bin/sh", "-c", Listing);
        Assert.That((outcome.ExitCode, outcome.Stderr), Is.EqualTo((0, "")), outcome.ToString());
        string[] found = [.. outcome.Stdout.TrimEnd('\n').Split('\n').Order(StringComparer.Ordinal)];
        Assert.That(found, Is.EqualTo(Expected(reference == "{tree}" ? ForEverybody : UnderOneUid)));
    }

    [Test]
    public async Task The_images_configuration_reaches_the_payload(CancellationToken ct)
    {
        Area area = NewArea();
        string image = $"docker://{Testbed.Repository}:docker";
        Outcome plain = await area.RunAsync(ct, "exec", image, "--", "/bin/sh", "-c", "echo $TESTBED_IMAGE ${TESTBED_ENTERED:-no}; echo \"$TESTBED_QUOTED\"; pwd; cat /data/overwritten");
        Outcome entered = await area.RunAsync(ct, "exec", "--personality", "oci", image, "--", "/bin/sh", "-c", "echo $TESTBED_ENTERED");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.Stdout.Split('\n')[..2], Is.EqualTo((string[])["busybox no", "a 'b' \"c\" $d =e"]), plain.ToString());
            Assert.That(plain.Stdout, Does.EndWith("new\n"));
            Assert.That(entered.Stdout, Is.EqualTo("yes\n"), entered.ToString());
        }
    }

    [Test]
    public async Task A_registry_with_a_password_wants_it(CancellationToken ct)
    {
        Area area = NewArea();
        string pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Testbed.User}:{Testbed.Password}"));
        string config = area.Write("config.json", $"{{\"auths\":{{\"{Testbed.GuardedAddress}\":{{\"auth\":\"{pair}\"}}}}}}");
        string image = $"docker://{Testbed.GuardedRepository}:gzip";
        Outcome without = await area.RunAsync(ct, "exec", image, "--", "true");
        Outcome with = await area.RunAsync(ct, "exec", "--registry-config", config, image, "--", "cat", "/data/overwritten");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((with.ExitCode, with.Stdout, with.Stderr), Is.EqualTo((0, "new\n", "")), with.ToString());
            Assert.That(without.ExitCode, Is.EqualTo(125).Or.EqualTo(75), without.ToString());
            Assert.That(without.Stderr, Does.Contain("--registry-config").And.Contain(Testbed.GuardedAddress));
            Assert.That(with.Stderr + without.Stderr, Does.Not.Contain(Testbed.Password).And.Not.Contain(pair));
        }
    }

    [Test]
    public async Task What_is_in_the_cache_is_not_fetched_again(CancellationToken ct)
    {
        Area area = NewArea();
        string image = $"docker://{Testbed.Repository}:plain";
        Outcome pull = await area.RunAsync(ct, "pull", image);
        int before = FetchesOfTheLargestLayer();
        Outcome again = await area.RunAsync(ct, "exec", image, "--", "cat", "/data/overwritten");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((pull.ExitCode, again.ExitCode, again.Stdout), Is.EqualTo((0, 0, "new\n")), $"{pull}\n{again}");
            Assert.That(before, Is.Positive);
            Assert.That(FetchesOfTheLargestLayer(), Is.EqualTo(before));
        }
    }

    private static int FetchesOfTheLargestLayer()
    {
        string digest = LargestLayer();
        return Testbed.AccessLog().Count(l => l.Contains(digest, StringComparison.Ordinal) && l.Contains("\"GET ", StringComparison.Ordinal));
    }

    private static string LargestLayer()
    {
        string blobs = Path.Combine(Testbed.Image, "layout/blobs/sha256");
        return new DirectoryInfo(blobs).GetFiles().MaxBy(f => f.Length)!.Name;
    }

    private static string Name(string reference) => reference
        .Replace("{registry}", Testbed.Repository, StringComparison.Ordinal).Replace("{image}", Testbed.Image, StringComparison.Ordinal).Replace("{tree}", Testbed.ReadableTree, StringComparison.Ordinal)
        .Replace("{digest}", Testbed.Digests["zstd"], StringComparison.Ordinal).Replace("{latest}", Testbed.Digests["latest"], StringComparison.Ordinal);

    private static string[] Expected(Func<char, int, int> mode) =>
    [
        .. File.ReadAllText(Path.Combine(Testbed.Image, "expected")).TrimEnd('\n').Split('\n')
            .Where(line => Places.Contains(line.Split(' ', 5)[4].Split('/', ' ')[0]))
            .Select(line => $"{line[0]} {Convert.ToString(mode(line[0], Convert.ToInt32(line[2..6], 8)), 8).PadLeft(4, '0')}{line[6..]}")
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>What a single uid can own: no setuid and setgid, directories that their owner can use, files that he can read.</summary>
    private static int UnderOneUid(char kind, int mode) => kind switch { 'd' => (mode & 0x3FF) | 0x1C0, 'f' => (mode & 0x1FF) | 0x100, _ => mode };

    /// <summary>The modes of Testbed.ReadableTree: chmod a+rX without setuid and setgid.</summary>
    private static int ForEverybody(char kind, int mode) => kind == 'l' ? mode : (mode & 0x3FF) | (kind == 'd' || (mode & 0x49) != 0 ? 0x16D : 0x124);
}
