using GridWrapper.SystemTests.Probing;
using Newtonsoft.Json.Linq;
using static GridWrapper.SystemTests.EndToEnd.HybridBed;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images of which CVMFS holds some layers: exactly the others are fetched, as the registry sees it.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class HybridTests : EndToEndFixture
{
    /// <summary>Which layers lie in CVMFS, as bits; a layer more than the image has means all.</summary>
    [TestCase(0b000), TestCase(0b001), TestCase(0b010), TestCase(0b110), TestCase(0b101), TestCase(0b011), TestCase(0b1111111)]
    public async Task Exactly_the_missing_layers_are_fetched(int there, CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, i => (there & (1 << i)) != 0);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        // Left to itself the plan fetches a layer of some hundred bytes from a registry this near sooner than it loads a catalog of CVMFS.
        Outcome outcome = await RunAsync(area, name, ct, there == 0 ? [] : ["--strategy", "cvmfs-layers"]);
        (string Digest, long Size)[] missing = [.. LayerBlobs.Where((_, i) => (there & (1 << i)) == 0)];
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, there == 0 ? "registry" : "cvmfs-layers");
            Assert.That(LayersSent(area).Order(), Is.EqualTo(missing.Select(l => l.Digest).Order()));
            Assert.That((long)area.Result["transfer"]!["bytesFetched"]!, Is.EqualTo(missing.Sum(l => l.Size)));
            Assert.That((long)area.Result["transfer"]!["bytesFromCvmfs"]!, Is.EqualTo(LayerBlobs.Sum(l => l.Size) - missing.Sum(l => l.Size)));
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string)l["source"]!), Is.EqualTo(LayerBlobs.Select((_, i) => (there & (1 << i)) == 0 ? "registry" : "cvmfs")));
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo("verified"));
        }
    }

    /// <summary>What CVMFS lacks is not unpacked where this node can serve it.</summary>
    [TestCase(0b001), TestCase(0b010), TestCase(0b110), TestCase(0b101)]
    public async Task A_node_that_can_serve_keeps_the_missing_layers_packed(int there, CancellationToken ct)
    {
        Area area = FuseNode();
        string name = UniqueName(area);
        PublishWhere(area, i => (there & (1 << i)) != 0);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        Outcome first = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        (string Digest, long Size)[] missing = [.. LayerBlobs.Where((_, i) => (there & (1 << i)) == 0)];
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, first, "cvmfs-layers");
            Assert.That(LayersSent(area).Order(), Is.EqualTo(missing.Select(l => l.Digest).Order()));
            Assert.That((long)area.Result["transfer"]!["bytesFetched"]!, Is.EqualTo(missing.Sum(l => l.Size)));
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string)l["source"]! + (string?)l["packed"]), Is.EqualTo(LayerBlobs.Select((_, i) => (there & (1 << i)) == 0 ? "registryTrue" : "cvmfs")));
            Assert.That((string?)area.Result.SelectToken("attempts[0].root"), Is.EqualTo("overlay"));
            Assert.That((long)area.Result.SelectToken("serving.requests")!, Is.Positive);
            Assert.That((string?)area.Result.SelectToken("plan.candidates[0].reason"), Does.Contain("to be pulled, packed and served"));
            Assert.That((long)area.Result.SelectToken("cost.actual.files")!, Is.EqualTo(3 * missing.Length));
            Assert.That(Kept(area, "layers"), Is.Zero, "nothing is unpacked");
            Assert.That(Kept(area, "packed"), Is.EqualTo(missing.Length));
        }

        Outcome second = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, second, "cvmfs-layers");
            Assert.That((long)area.Result["transfer"]!["bytesFetched"]!, Is.Zero);
            Assert.That(LayersSent(area), Has.Length.EqualTo(missing.Length));
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string)l["source"]!), Is.EqualTo(LayerBlobs.Select((_, i) => (there & (1 << i)) == 0 ? "cache" : "cvmfs")));
        }
    }

    [TestCase(0b001), TestCase(0b010), TestCase(0b100)]
    public async Task A_payload_sees_the_same_of_served_layers(int there, CancellationToken ct)
    {
        const string Show =
            "cd / && find bin data lib usr opt srv links modes names -type d -exec stat -c '%n %a %Y' {} + 2>/dev/null | sort; "
            + "find bin data lib usr opt srv links modes names -type l -exec stat -c '%N %Y' {} + 2>/dev/null | sort; "
            + "find bin data lib usr opt srv links modes names -type f -exec stat -c '%n %a %s %Y' {} + 2>/dev/null | sort; "
            + "find bin data lib usr opt srv links names -type f -exec md5sum {} + 2>/dev/null | sort; cat etc/os-release";
        Area served = FuseNode();
        Area plain = NewArea();
        Outcome[] seen = new Outcome[2];
        foreach ((int i, Area area) in ((Area[])[plain, served]).Index())
        {
            string name = UniqueName(area);
            PublishWhere(area, layer => (there & (1 << layer)) != 0);
            area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
            seen[i] = await area.RunAsync(ct, "exec", "--site", area.Write("site.json", Site), "--strategy", "cvmfs-layers", "docker://" + name, "--", "/bin/sh", "-c", Show);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That((seen[0].ExitCode, seen[1].ExitCode), Is.EqualTo((0, 0)), seen[0].ToString() + seen[1]);
            Assert.That(seen[1].Stdout, Is.EqualTo(seen[0].Stdout).And.Contains("busybox").And.Not.Contain(".wh."));
            Assert.That(Kept(plain, "packed"), Is.Zero, "a node with a closed device unpacks");
            Assert.That((Kept(plain, "layers"), Kept(served, "packed")), Is.EqualTo((LayerBlobs.Length - 1, LayerBlobs.Length - 1)));
        }
    }

    /// <summary>What may hang is looked into by a child, which reads packed layers where they are kept: the payload's program is in one.</summary>
    [Test]
    public async Task A_root_with_layers_of_a_mounted_CVMFS_and_served_ones_is_looked_into(CancellationToken ct)
    {
        Area area = FuseNode();
        string name = UniqueName(area);
        PublishWhere(area, i => i == 1);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "cvmfs");
        using FakeCvmfsMount mount = new(Path.Combine(area.Root, "source", Repository), Path.Combine(area.Root, "cvmfs", Repository), ["--fqrn", Repository]);
        Outcome outcome = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That(Kept(area, "packed"), Is.EqualTo(LayerBlobs.Length - 1));
            Assert.That(area.Result["preflight"]!.Select(f => $"{f["check"]} {f["state"]}"), Does.Contain("program ok"), area.Result["preflight"]!.ToString());
        }
    }

    [Test]
    public async Task A_writable_root_above_served_layers_takes_changes(CancellationToken ct)
    {
        const string Changes = "echo new >/usr/made && echo more >>/etc/os-release && cat /usr/made && tail -n 1 /etc/os-release && rm /bin/busybox && [ ! -e /bin/busybox ] && echo gone";
        Area area = FuseNode();
        string name = UniqueName(area);
        PublishWhere(area, i => i == 1);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        Outcome changed = await area.RunAsync(ct, "exec", "--writable", "--site", area.Write("site.json", Site), "--strategy", "cvmfs-layers", "docker://" + name, "--", "/bin/sh", "-c", Changes);
        Assert.That(changed.Stdout, Is.EqualTo("new\nmore\ngone\n"), changed.ToString());
        Assert.That(Kept(area, "layers"), Is.Zero);
    }

    [Test]
    public async Task A_packed_layer_that_was_cut_is_fetched_anew(CancellationToken ct)
    {
        Area area = FuseNode();
        string name = UniqueName(area);
        PublishWhere(area, i => i == 0);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        int sent = LayersSent(area).Length;
        string archive = Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories)[0];
        using (FileStream file = File.OpenWrite(archive))
        {
            file.SetLength(file.Length / 2);
        }

        Outcome again = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, again, "cvmfs-layers");
            Assert.That(LayersSent(area), Has.Length.EqualTo(sent + 1));
        }

        // What was put aside was in use by the run that found it.
        await area.RunAsync(ct, "cache", "gc");
    }

    [Test]
    public async Task Layers_of_CVMFS_unpacked_ones_and_packed_ones_make_one_root(CancellationToken ct)
    {
        Area area = FuseNode();
        string name = UniqueName(area);
        PublishWhere(area, i => i == 0);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        await area.RunAsync(ct, "exec", "--strategy", "registry", $"docker://{Testbed.Repository}:gzip", "--", "/bin/true");
        string[] diffIds = [.. JObject.Parse(File.ReadAllText(Path.Combine(Testbed.Image, "layout/blobs/sha256", Testbed.ConfigDigest["sha256:".Length..])))["rootfs"]!["diff_ids"]!.Select(d => ((string)d!)["sha256:".Length..])];
        foreach (string layer in Directory.GetDirectories(area.Cache + "/store-1/layers/sha256").Where(d => Path.GetFileName(d) != diffIds[1]))
        {
            Tool.Run("/bin/rm", "-rf", layer);
        }

        Outcome outcome = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string)l["source"]! + (string?)l["packed"]), Is.EqualTo(LayerBlobs.Select((_, i) => i == 0 ? "cvmfs" : i == 1 ? "cache" : "registryTrue")));
            Assert.That(LayersSent(area), Has.Length.EqualTo(LayerBlobs.Length - 2));
            Assert.That((Kept(area, "layers"), Kept(area, "packed")), Is.EqualTo((1, LayerBlobs.Length - 2)));
        }
    }

    [Test]
    public async Task A_second_job_fetches_nothing_and_sees_the_removals(CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, i => i != 0);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        string site = area.Write("site.json", Site);
        string[] words = ["exec", "--site", site, "--strategy", "cvmfs-layers", "docker://" + name, "--", "/bin/sh", "-c", "ls -A / /data /data/opaque; cat /data/same/*"];
        Outcome first = await area.RunAsync(ct, words);
        int sent = LayersSent(area).Length;
        Outcome second = await area.RunAsync(ct, words);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.ExitCode, second.ExitCode), Is.EqualTo((0, 0)), first.ToString() + second);
            Assert.That(LayersSent(area), Has.Length.EqualTo(sent).And.Length.EqualTo(1));
            Assert.That(second.Stdout, Is.EqualTo(first.Stdout));
            Assert.That(first.Stdout, Does.Contain("kept").And.Not.Contain("deleted").And.Not.Contain("hidden").And.Not.Contain(".wh.").And.Not.Contain(".cvmfscatalog"));
            Assert.That(first.Stdout, Does.EndWith("new\n"), "the directory that was removed and made again holds the new file only");
        }
    }

    [Test]
    public async Task Without_the_registry_the_repository_s_own_record_is_used(CancellationToken ct)
    {
        Area area = NewArea();
        const string name = "127.0.0.1:9/testbed/image:gzip";
        PublishWhere(area, _ => true);
        WriteRecord(area, name);
        WriteConfiguration(area);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        Outcome outcome = await RunAsync(area, name, ct);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo("unverified"));
            Assert.That((string?)area.Result["image"]!["configDigest"], Is.EqualTo(Testbed.ConfigDigest));
            Assert.That((long)area.Result["transfer"]!["bytesFetched"]!, Is.Zero);
        }
    }

    [TestCase("--eio", "cvmfs-layers", 1)]
    [TestCase("--hang", "registry", int.MaxValue)]
    public async Task A_layer_that_errs_is_fetched_and_one_that_hangs_leaves_all_to_the_registry(string fault, string strategy, int fetched, CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, _ => true);
        string hex = LayerBlobs[0].Digest["sha256:".Length..];
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "cvmfs");
        using FakeCvmfsMount mount = new(
            Path.Combine(area.Root, "source", Repository), Path.Combine(area.Root, "cvmfs", Repository), ["--fqrn", Repository, fault, $"/.layers/{hex[..2]}/{hex}/layerfs"]);
        Outcome outcome = await RunAsync(area, name, ct);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, strategy);
            Assert.That(LayersSent(area), Has.Length.EqualTo(Math.Min(fetched, LayerBlobs.Length)));
        }
    }

    [Test]
    public async Task A_layer_with_other_metadata_than_the_manifest_s_is_fetched(CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, _ => true);
        string other = LayerDirectory(area, LayerBlobs[1].Digest) + "/.metadata/layers.json";
        await File.WriteAllTextAsync(other, (await File.ReadAllTextAsync(other, ct)).Replace("\"diff-digest\":\"sha256:", "\"diff-digest\":\"sha256:0000", StringComparison.Ordinal), ct);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        Outcome outcome = await RunAsync(area, name, ct);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That(LayersSent(area), Is.EqualTo(new[] { LayerBlobs[1].Digest }));
        }
    }

    [Test]
    public async Task A_layer_of_a_shared_root_is_stacked_with_those_of_CVMFS_and_nothing_is_fetched(CancellationToken ct)
    {
        Area owner = new(54321);
        await owner.RunAsync(ct, "pull", $"docker://{Testbed.Repository}:gzip");
        Tool.Run("/bin/chmod", "0755", owner.Cache);
        string[] diffIds = [.. JObject.Parse(File.ReadAllText(Path.Combine(Testbed.Image, "layout/blobs/sha256", Testbed.ConfigDigest["sha256:".Length..])))["rootfs"]!["diff_ids"]!.Select(d => ((string)d!)["sha256:".Length..])];
        foreach (string layer in Directory.GetDirectories(owner.Cache + "/store-1/layers/sha256").Where(d => Path.GetFileName(d) != diffIds[1]))
        {
            Directory.Delete(layer, recursive: true);
        }

        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, i => i != 1);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        var site = JObject.Parse(Site);
        site["cacheRoots"] = new JArray(owner.Cache);
        Outcome outcome = await area.RunAsync(ct, "run", "--site", area.Write("site.json", site.ToString()), "--job", area.Write("job.json", new TestJob { Image = "docker://" + name }.Json), "--strategy", "cvmfs-layers");
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That(LayersSent(area), Is.Empty);
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string)l["source"]!), Is.EqualTo(LayerBlobs.Select((_, i) => i == 1 ? "cache" : "cvmfs")));
            Assert.That(area.Result["image"]!["layers"]!.Select(l => (string?)l["root"]), Is.EqualTo(LayerBlobs.Select((_, i) => i == 1 ? owner.Cache : null)));
        }
    }

    [Test]
    public async Task What_corrects_the_layers_of_a_running_payload_is_not_collected(CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        PublishWhere(area, _ => true);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        using StartedRun run = area.Start(null, "exec", "--site", area.Write("site.json", Site), "--strategy", "cvmfs-layers", "docker://" + name, "--", "/bin/sh", "-c", "sleep 3; ls -A /data");
        string shims = Path.Combine(area.Cache, "store-1/cvmfs");
        await run.UntilAsync(() => Directory.Exists(shims) && Directory.GetDirectories(shims).Length >= LayerBlobs.Length, ct);
        Outcome during = await area.RunAsync(ct, "cache", "gc", "--max-bytes", "0", "--json");
        Outcome payload = await run.EndAsync(ct);
        Outcome list = await area.RunAsync(ct, "cache", "list");
        Outcome after = await area.RunAsync(ct, "cache", "gc", "--max-bytes", "0");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(JObject.Parse(during.Stdout)["items"], Is.Empty, during.ToString());
            Assert.That(payload.Stdout, Does.Contain("overwritten").And.Not.Contain(".wh."), payload.ToString());
            Assert.That(list.Stdout, Does.Contain("shim  "));
            Assert.That(after.Stdout, Does.Contain("removed shim"));
            Assert.That(Directory.GetDirectories(shims), Is.Empty);
        }
    }
}
