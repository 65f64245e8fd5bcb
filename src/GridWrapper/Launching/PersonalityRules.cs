using GridWrapper.Images;

namespace GridWrapper.Launching;

/// <summary>What the personality means for one image. Pure.</summary>
internal static class PersonalityRules
{
    internal static Personality Effective(LaunchRequest request) =>
        request.Personality == Personality.ByCallStyle && request.Rootfs is { Config: null, Inside.Scripts.IsEmpty: false } ? Personality.Singularity : request.Personality;

    /// <summary>The image's configuration: its own, else what a converter wrote into the tree.</summary>
    internal static ImageConfig? Config(LaunchRequest request) => request.Rootfs.Config ?? request.Rootfs.Inside?.Config;

    /// <summary>The image's scripts have to be read by a shell of its own, because only they know what they set.</summary>
    internal static bool NeedsScripts(LaunchRequest request) =>
        request.Rootfs is { Config: null, Inside: { Scripts.IsEmpty: false, HasShell: true } } && Effective(request) == Personality.Singularity;

    /// <summary>Singularity knows no other than TERM.</summary>
    internal static int StopSignal(LaunchRequest request) =>
        Config(request) is { StopSignal.Length: > 0 } config && Effective(request) != Personality.Singularity ? StopSignals.Parse(config.StopSignal) : Linux.Libc.SIGTERM;

    /// <summary>Host paths that the image's Volumes stand on, private to the run. None where the root can be written to anyway, and none for Singularity, which does not know them.</summary>
    internal static ImmutableArray<BindMount> Volumes(LaunchRequest request)
    {
        bool wanted = !request.Writable && Config(request) is { Volumes.IsEmpty: false } && Effective(request) != Personality.Singularity;
        if (!wanted && request.EmptyDirectories.IsEmpty)
        {
            return [];
        }

        ImmutableArray<BindMount>.Builder volumes = ImmutableArray.CreateBuilder<BindMount>();
        foreach (string place in request.EmptyDirectories)
        {
            volumes.Add(Empty(request, volumes.Count, place));
        }

        return wanted ? OfImage(request, Config(request)!, volumes) : volumes.ToImmutable();
    }

    private static BindMount Empty(LaunchRequest request, int number, string place) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{VolumesDirectory(request.ScratchDirectory)}/{number}"), place, ReadOnly: false, Optional: false);

    private static ImmutableArray<BindMount> OfImage(LaunchRequest request, ImageConfig config, ImmutableArray<BindMount>.Builder volumes)
    {
        foreach (string volume in config.Volumes)
        {
            if (VolumePlace(volume) is { } place)
            {
                volumes.Add(Empty(request, volumes.Count, place));
            }
        }

        return volumes.ToImmutable();
    }

    /// <summary>Where the volumes of a run lie; the payload sees it as /tmp/.gridwrap-volumes, too.</summary>
    internal static string VolumesDirectory(string scratch) => $"{scratch}/.gridwrap-volumes";

    /// <summary>The place of a volume, null for one that cannot be meant: the root, something relative, or what the launch itself puts there.</summary>
    private static string? VolumePlace(string volume)
    {
        string place = Path.GetFullPath("/" + volume).TrimEnd('/');
        bool sane = volume.StartsWith('/') && place.Length > 0 && !volume.Contains("..", StringComparison.Ordinal) && !volume.Any(char.IsControl);
        return sane && place.Split('/')[1] is not ("proc" or "sys" or "dev" or "cvmfs") && place is not ("/tmp" or "/var/tmp" or "/etc") ? place : null;
    }
}
