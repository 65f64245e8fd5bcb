using GridWrapper.Diagnostics;

namespace GridWrapper.Images;

/// <summary>Which entry of an index fits this node: Linux, its architecture, and the highest variant that its processor can run.</summary>
internal static class PlatformSelector
{
    /// <summary>Platforms named in a message; the longest official indexes offer a dozen.</summary>
    private const int MaxListed = 20;

    /// <summary>
    /// The best entry; it may itself be an index, to be read in turn. One that states no platform is taken only if nothing else fits and it is alone.
    /// </summary>
    /// <param name="manifests">The entries of the index.</param>
    /// <param name="architecture">Of the node, in OCI's vocabulary (amd64, arm64).</param>
    /// <param name="cpuLevel">x86-64-v1 to v4, or "unknown", which counts as the architecture's base.</param>
    /// <param name="source">Name of the image for messages.</param>
    /// <exception cref="GridWrapperException">Nothing fits; the message lists the platforms there are.</exception>
    internal static Descriptor Select(ImmutableArray<Descriptor> manifests, string architecture, string cpuLevel, string source)
    {
        ImmutableArray<Descriptor> images = [.. manifests.Where(IsImage)];
        Descriptor? best = images
            .Where(entry => entry.Platform is { } platform && Fits(platform, architecture, cpuLevel))
            .MaxBy(entry => Level(entry.Platform!.Architecture, entry.Platform.Variant));
        if (best is not null)
        {
            return best;
        }

        ImmutableArray<Descriptor> unstated = [.. images.Where(entry => entry.Platform is null)];
        return unstated.Length == 1 ? unstated[0] : throw NothingFits(images, architecture, cpuLevel, source);
    }

    /// <summary>True if an image for this platform runs on the node; also for the platform that an image's own configuration states.</summary>
    internal static bool Fits(Platform platform, string architecture, string cpuLevel)
    {
        if (platform.Os != "linux" || platform.Architecture != architecture)
        {
            return false;
        }

        int needed = Level(architecture, platform.Variant);
        int present = Math.Max(Level(architecture, null), LevelOfCpu(cpuLevel));
        return needed <= present;
    }

    /// <summary>Attestations are filed as unknown/unknown beside the images they belong to.</summary>
    private static bool IsImage(Descriptor entry) =>
        (MediaTypes.IsManifest(entry.MediaType) || MediaTypes.IsIndex(entry.MediaType))
        && entry.ArtifactType is null
        && entry.Platform is not { Os: "unknown", Architecture: "unknown" };

    /// <summary>Tenths of a level: v3 is 30, v8.1 is 81; no variant is the architecture's base; an unreadable variant is above every processor.</summary>
    private static int Level(string architecture, string? variant)
    {
        int baseLevel = architecture switch { "arm64" => 80, "arm" => 70, _ => 10 };
        return variant is null ? baseLevel : ParseLevel(variant) ?? int.MaxValue;
    }

    private static int LevelOfCpu(string cpuLevel) => ParseLevel(cpuLevel.AsSpan(cpuLevel.LastIndexOf('v') is >= 0 and int v ? v : 0)) ?? 0;

    private static int? ParseLevel(ReadOnlySpan<char> text)
    {
        if (text.Length is < 2 or > 4 || text[0] != 'v' || !char.IsAsciiDigit(text[1]))
        {
            return null;
        }

        int level = (text[1] - '0') * 10;
        return text.Length switch
        {
            2 => level,
            4 when text[2] == '.' && char.IsAsciiDigit(text[3]) => level + (text[3] - '0'),
            _ => null,
        };
    }

    private static GridWrapperException NothingFits(ImmutableArray<Descriptor> images, string architecture, string cpuLevel, string source)
    {
        IEnumerable<string> platforms = images.Select(entry => entry.Platform?.ToString() ?? "an image without platform").Distinct();
        string there = images.IsEmpty ? "no image at all" : string.Join(", ", platforms.Take(MaxListed).Select(Quoted.Clean));
        return new GridWrapperException(new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Resolve,
            Step = "select-platform",
            PilotErrorCode = PilotError.ImageNotFound,
            Message = $"{source} has nothing for linux/{architecture} (processor level {cpuLevel}); it offers {there}: "
                + "build the image for this platform, or send the job to a node of another kind",
        });
    }
}
