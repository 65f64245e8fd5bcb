using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>
/// Looks for an image's flattened tree in the image repositories and says how far it agrees with what the registry serves. What comes out names the .flat path:
/// public names may move at any time, a .flat path never changes its content.
/// </summary>
internal sealed class CvmfsImageProbe(IProbeChildren children)
{
    private const int ElfAmd64 = 0x3e;
    private const int ElfArm64 = 0xb7;

    /// <summary>Asks the usable repositories in the profile's order; an exact copy beats a stale one found earlier.</summary>
    internal async Task<Fact<CvmfsImage>> FindAsync(
        ImageReference.InRegistry reference, Fact<ResolvedImage> resolved, CvmfsFacts facts, ImageSearch search, CancellationToken ct)
    {
        Digest? wanted = resolved.IsKnown(out ResolvedImage known) ? known.Manifest.Config.Digest : null;
        string? osg = resolved.IsKnown(out known) ? CvmfsPath.Osg(known.Manifest.Layers.Select(l => l.Digest)) : null;
        ImmutableArray<string> names = [.. osg is null ? (string[])[] : [CvmfsNames.OsgPrefix + osg], .. CvmfsNames.Of(reference, search.Platform), .. CvmfsNames.OfOsg(reference)];
        List<string> reasons = [];
        Fact<CvmfsImage>? second = null;
        bool certain = true;
        foreach (string name in search.Site.Cvmfs.ImageRepositories)
        {
            CvmfsRepositoryFacts? repository = facts.Repositories.FirstOrDefault(r => r.Name == CvmfsPath.RepositoryPart(name));
            if (repository is not { Usable: true })
            {
                certain &= repository?.State == CvmfsState.Absent;
                reasons.Add(repository is null ? $"{name} was not looked at" : $"{name}: {repository.State.ToString().ToLowerInvariant()}: {repository.Detail}");
                continue;
            }

            Place place = new(name, Path.Combine(facts.Root, name), osg);
            ProbeReply reply = await children.AskAsync(
                Question(place, repository.Path, [wanted?.Hex ?? "", search.Site.Cvmfs.Root, .. names], search), ct);
            Fact<CvmfsImage> found = reply.End == ProbeEnd.Answered
                ? Judge(place, reply, wanted, search.Platform)
                : new Fact<CvmfsImage>.Unknown($"{name}: {reply.Trouble}");
            if (found.IsKnown(out CvmfsImage image) && image.Verification != Verification.Stale)
            {
                return found;
            }

            certain &= found is not Fact<CvmfsImage>.Unknown;
            second ??= found is Fact<CvmfsImage>.Known ? found : null;
            reasons.Add(found.Why);
        }

        string reason = reasons.Count == 0 ? "the profile names no image repositories" : string.Join("; ", reasons);
        return second ?? (certain ? new Fact<CvmfsImage>.Absent(reason) : new Fact<CvmfsImage>.Unknown(reason));
    }

    private static ProbeQuestion Question(Place place, string repository, ImmutableArray<string> arguments, ImageSearch search)
    {
        TimeSpan deadline = TimeSpan.FromSeconds(search.Site.Cvmfs.StepSeconds);
        return new ProbeQuestion
        {
            Kind = ProbeKind.Image,
            Arguments = [place.Top, .. arguments],
            FirstDeadline = deadline,
            StepDeadline = deadline,
            Repository = repository,
        };
    }

    /// <summary>What the child's answer means.</summary>
    private static Fact<CvmfsImage> Judge(Place place, ProbeReply reply, Digest? wanted, Platform platform)
    {
        if (reply["open.errno"] is { Length: > 0 } errno)
        {
            return new Fact<CvmfsImage>.Unknown($"{place.Name}: opening it: {errno}");
        }

        if (!Digest.TryParseHex(reply["found"], out Digest? found))
        {
            return NotFound(place.Name, reply);
        }

        if (reply.Number("machine") is { } machine && platform.Architecture != Architecture(machine))
        {
            string why = $"{place.Name}: {reply["name"]} leads to a tree for {Architecture(machine)}, and this node is {platform.Architecture}";
            return new Fact<CvmfsImage>.Absent(why);
        }

        string tree = reply["tree"] is { Length: > 0 } named ? named : CvmfsPath.Flat(found);
        bool byLayers = CvmfsPath.TryParseOsg(tree, out _);

        // What was made from an index states that index, which is known to nobody here.
        bool told = !tree.StartsWith(CvmfsPath.OsgImages + "sha256:", StringComparison.Ordinal);
        bool stale = wanted is { } digest && told && (byLayers ? tree != place.Osg : digest != found);
        return new Fact<CvmfsImage>.Known(new CvmfsImage
        {
            Repository = CvmfsPath.RepositoryPart(place.Name),
            FlatPath = Path.Combine(place.Top, tree),
            ConfigDigest = !byLayers ? found : stale || !told ? null : wanted,
            PublicName = reply["name"] is { Length: > 0 } name && !CvmfsPath.TryParseOsg(name[2..], out _) ? name : null,
            StaleName = stale ? found : null,
            Verification = wanted is null || !told ? Verification.Unverified : stale ? Verification.Stale : Verification.Verified,
            ConfigFromTree = SingularityMetadata.Parse(reply["environment"], reply["runscript"], platform),
        });
    }

    private static Fact<CvmfsImage> NotFound(string repository, ProbeReply reply)
    {
        string[] notes =
        [
            .. reply.Values.Where(v => v.Key.StartsWith("note.", StringComparison.Ordinal)).OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => v.Value),
        ];
        string trouble = reply["flat.read"] is { Length: > 0 } read ? $": its tree does not read: {read}"
            : reply["flat.list"] is { Length: > 0 } list ? $": its tree does not list: {list}"
            : "";
        string reason = $"{repository} has no usable tree of this image{trouble}{(notes.Length > 0 ? $" ({string.Join("; ", notes)})" : "")}";
        bool broken = trouble.Length > 0 || notes.Any(n => n.Contains(": EIO", StringComparison.Ordinal) || n.Contains(": ENOTCONN", StringComparison.Ordinal));
        return broken ? new Fact<CvmfsImage>.Unknown(reason) : new Fact<CvmfsImage>.Absent(reason);
    }

    private static string Architecture(long machine) => machine switch
    {
        ElfAmd64 => "amd64",
        ElfArm64 => "arm64",
        _ => string.Create(CultureInfo.InvariantCulture, $"ELF machine 0x{machine:x}"),
    };

    /// <summary>Where images lie: a repository, or a directory of one.</summary>
    /// <param name="Osg">Where it lies in a repository of the OSG's layout, null where that is not known.</param>
    private sealed record Place(string Name, string Top, string? Osg);
}
