using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Registries;

/// <summary>A small image made of layer archives, and the means to put it into a fake registry and to ask for it.</summary>
internal sealed class TestImage
{
    internal const string Repository = "team/image";

    internal TestImage(params byte[][] tars)
        : this("amd64", tars)
    {
    }

    internal TestImage(string architecture, params byte[][] tars)
    {
        Tars = [.. tars];
        Layers = [.. tars.Select(TarBuilder.Gzip)];
        string diffIds = string.Join(',', tars.Select(t => $"\"{Digest.Of(t)}\""));
        Config = Encoding.UTF8.GetBytes($$$$"""{"os":"linux","architecture":"{{{{architecture}}}}","config":{"Env":["A=b"],"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":[{{{{diffIds}}}}]}}""");
        string layers = string.Join(',', Layers.Select(l => $$$$"""{"mediaType":"{{{{MediaTypes.OciLayerGzip}}}}","size":{{{{l.Length}}}},"digest":"{{{{Digest.Of(l)}}}}"}"""));
        Manifest = Encoding.UTF8.GetBytes($$$$"""
            {"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciManifest}}}}","config":{"mediaType":"{{{{MediaTypes.OciConfig}}}}","size":{{{{Config.Length}}}},"digest":"{{{{Digest.Of(Config)}}}}"},"layers":[{{{{layers}}}}]}
            """);
    }

    internal ImmutableArray<byte[]> Tars { get; }

    internal ImmutableArray<byte[]> Layers { get; }

    internal byte[] Config { get; }

    internal byte[] Manifest { get; }

    internal Digest Digest => Digest.Of(Manifest);

    internal static TestImage Small() => new(new TarBuilder().Dir("bin").File("bin/sh", "shell", 0x1ED).File("gone", "x").Build(), new TarBuilder().Whiteout("gone").File("new", "n").Build());

    internal static NodeFacts Node { get; } = new()
    {
        HostName = "node",
        OperatingSystem = "test",
        Kernel = "6",
        Architecture = "amd64",
        CpuLevel = "x86-64-v3",
        CpuModel = "cpu",
        Cores = 2,
        MemoryBytes = 1L << 32,
        Uid = 1000,
        Gid = 1000,
    };

    internal static SiteProfile Site { get; } = new() { Name = "test", Registries = new RegistryPolicy { StallSeconds = 2 } };

    internal TestImage PutInto(FakeRegistry registry, string tag = "1", string repository = Repository)
    {
        registry.Content[$"/v2/{repository}/manifests/{tag}"] = (Manifest, MediaTypes.OciManifest);
        registry.Content[$"/v2/{repository}/manifests/{Digest}"] = (Manifest, MediaTypes.OciManifest);
        foreach (byte[] blob in Layers.Append(Config))
        {
            registry.Content[$"/v2/{repository}/blobs/{Digest.Of(blob)}"] = (blob, "application/octet-stream");
        }

        return this;
    }

    internal static ImageReference.InRegistry Reference(FakeRegistry registry, string? tag = "1", Digest? digest = null) => new(registry.Host, Repository, tag, digest);

    /// <summary>Clients with no credentials but those of the given config.json text, and quick retries.</summary>
    internal static RegistryClientFactory Clients(string? config = null)
    {
        string? path = config is null ? null : Path.Combine(TreeListing.NewDirectory(), "config.json");
        if (path is not null)
        {
            File.WriteAllText(path, config);
        }

        return new RegistryClientFactory(TimeProvider.System, new Random(1)) { ConfigFile = path, Environment = _ => null, FirstRetryDelay = TimeSpan.FromMilliseconds(1) };
    }

    internal static Task<ResolvedImage> ResolveAsync(FakeRegistry registry, CancellationToken ct, string? config = null) =>
        new ImageResolver(Clients(config)).ResolveAsync(Reference(registry), Site, Node, ct);
}
