using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>Looks into a root filesystem for what its configuration alone does not say: who its User is, what stands where its Volumes belong, which scripts set its variables.</summary>
internal sealed class InsideLook(RunSettings settings, IProbeChildren children)
{
    /// <returns>The same, with the answer where one was needed and came.</returns>
    internal async Task<Rootfs> AtAsync(Rootfs rootfs, HostFacts host, CancellationToken ct)
    {
        InsideQuestion question = Question(rootfs, settings.Gpu != "off" && host.Gpus.IsKnown(out _));
        if (rootfs.Config is not null && question is { User: "", Places.IsEmpty: true, Gpu: false })
        {
            return rootfs;
        }

        Platform platform = new("linux", host.Node.Architecture);
        Fact<ImageInside> found = await new ImageInsideProbe(children).FindAsync(question, settings.Site.Cvmfs, platform, ct);
        return found.IsKnown(out ImageInside inside) ? rootfs with { Inside = inside } : rootfs;
    }

    /// <summary>For a directory that is known to be local.</summary>
    internal static ImageInside? AtLocal(string directory, HostFacts host) =>
        Directory.Exists(directory + "/.singularity.d")
        && ImageInsideProbe.Here(new InsideQuestion([directory], "", [], Gpu: false), new Platform("linux", host.Node.Architecture)).IsKnown(out ImageInside inside)
            ? inside
            : null;

    private static InsideQuestion Question(Rootfs rootfs, bool gpu) => new(
        rootfs.Visible,
        rootfs.Config?.User is { } user && user.Split(':')[0] is not ("" or "0" or "root") ? user : "",
        rootfs.Config is { } config ? [.. config.Volumes, .. config.WorkingDir.Trim('/').Length > 0 ? (string[])[config.WorkingDir] : []] : [],
        gpu)
    {
        Tree = rootfs.Tree,
        Packed = PackedLook.Open,
    };
}
