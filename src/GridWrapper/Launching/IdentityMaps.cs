using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>Who exists inside and who the payload is. Pure. Lines are "inside outside count".</summary>
internal sealed record IdentityMaps
{
    public required ImmutableArray<string> Uids { get; init; }

    public required ImmutableArray<string> Gids { get; init; }

    /// <summary>The payload's own user namespace below the one of the mounts, empty for none.</summary>
    public ImmutableArray<string> InnerUids { get; init; } = [];

    public ImmutableArray<string> InnerGids { get; init; } = [];

    public string? UidMapper { get; init; }

    public string? GidMapper { get; init; }

    /// <summary>What was asked for and is not to be had, and what will not work because of it.</summary>
    public string? Warning { get; init; }

    /// <summary>True where changes of ownership have to be faked: one id cannot be given to another.</summary>
    public bool IsSingle => UidMapper is null;

    /// <param name="node">The caller.</param>
    /// <param name="isolation">What is wanted.</param>
    /// <param name="ids">What the node gives this user.</param>
    internal static IdentityMaps Create(NodeFacts node, Isolation isolation, Fact<SubordinateIds> ids)
    {
        if (isolation.Mapping == IdMapping.Single)
        {
            return Single(node.Uid, node.Gid, isolation.FakeRoot);
        }

        if (ids.IsKnown(out SubordinateIds range))
        {
            return Ranges(node, isolation.FakeRoot, range);
        }

        IdentityMaps single = Single(node.Uid, node.Gid, isolation.FakeRoot);
        return isolation.Mapping == IdMapping.Range ? single with { Warning = NoRange(ids.Why) } : single;
    }

    /// <summary>One id. Root inside is another view of it, in a user namespace that owns nothing else.</summary>
    internal static IdentityMaps Single(uint uid, uint gid, bool root) => new()
    {
        Uids = [Line(uid, uid, 1)],
        Gids = [Line(gid, gid, 1)],
        InnerUids = root ? [Line(0, uid, 1)] : [],
        InnerGids = root ? [Line(0, gid, 1)] : [],
    };

    internal static string NoRange(string why) =>
        $"a range of user ids was asked for and is not to be had ({why}). The payload runs with its one id: files cannot be given to other users, and su, sudo, apt, dpkg and rpm fail where they change users";

    /// <summary>A line of a map must lie within one line of the map above it. As root inside the payload has capabilities over all ids of the range, so it gets a user namespace in which it has them over nothing else.</summary>
    private static IdentityMaps Ranges(NodeFacts node, bool root, SubordinateIds range) => new()
    {
        Uids = root ? [Line(0, node.Uid, 1), Line(1, range.UidStart, range.UidCount)] : Around(node.Uid, range.UidStart, range.UidCount),
        Gids = root ? [Line(0, node.Gid, 1), Line(1, range.GidStart, range.GidCount)] : Around(node.Gid, range.GidStart, range.GidCount),
        InnerUids = root ? [Line(0, 0, 1), Line(1, 1, range.UidCount)] : [],
        InnerGids = root ? [Line(0, 0, 1), Line(1, 1, range.GidCount)] : [],
        UidMapper = range.UidMapper,
        GidMapper = range.GidMapper,
    };

    /// <summary>The own id keeps its number; the range fills the numbers from 0 on around it.</summary>
    private static ImmutableArray<string> Around(uint own, uint start, uint count)
    {
        uint below = Math.Min(own, count);
        List<string> lines = [];
        if (below > 0)
        {
            lines.Add(Line(0, start, below));
        }

        lines.Add(Line(own, own, 1));
        if (count > below)
        {
            lines.Add(Line(own + 1, start + below, count - below));
        }

        return [.. lines];
    }

    private static string Line(uint inside, uint outside, uint count) => string.Create(CultureInfo.InvariantCulture, $"{inside} {outside} {count}");
}
