using System.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>The decision table of repository states: what a probe child saw → what it means. Pure.</summary>
internal static class CvmfsStates
{
    /// <summary>A mount that fails later than this failed because of the network or a proxy, not because the name is unknown.</summary>
    private const long SlowMountMilliseconds = 5000;

    private const long LowCacheBytes = 200L << 20;

    /// <summary>More cache clean-ups per day than this: the cache is too small for what runs here.</summary>
    private const long ManyCleanups = 24;

    internal static CvmfsRepositoryFacts Judge(string name, string path, ProbeReply reply)
    {
        (CvmfsState state, string detail) = State(name, reply);
        return new CvmfsRepositoryFacts
        {
            Name = name,
            Path = path,
            State = state,
            Detail = detail,
            Errno = FirstErrno(reply),
            Seconds = reply.Seconds,
            Attributes = Attributes(reply),
            Warnings = state is CvmfsState.Healthy ? Warnings(reply) : [],
            LeakedProbePid = reply.LeakedPid,
        };
    }

    private static (CvmfsState State, string Detail) State(string name, ProbeReply reply) => reply.End switch
    {
        ProbeEnd.Answered => Seen(name, reply),
        ProbeEnd.TimedOut => (CvmfsState.Slow, reply.Trouble),
        ProbeEnd.Stuck or ProbeEnd.NotAsked => (CvmfsState.Hung, reply.Trouble),
        ProbeEnd.Failed => (CvmfsState.Broken, reply.Trouble),
        _ => throw new UnreachableException(),
    };

    private static (CvmfsState State, string Detail) Seen(string name, ProbeReply reply)
    {
        foreach (string step in (string[])["root", "open", "statfs", "list", "sentinel"])
        {
            if (reply[step + ".errno"] is { Length: > 0 } errno)
            {
                return Failed(step, errno, reply);
            }
        }

        return reply.Number("statfs.type") switch
        {
            Libc.FuseMagic => Mounted(name, reply),
            Libc.AutofsMagic => (CvmfsState.Broken, "autofs has the name but did not mount the repository"),
            _ when reply.Number("list.count") == 0 => (CvmfsState.Absent, "an empty plain directory: nothing is mounted there"),
            { } type => (CvmfsState.Copy, $"a copy or an export, not a CVMFS mount (file system type 0x{type.ToString("x", CultureInfo.InvariantCulture)})"),
            null => (CvmfsState.Broken, "the probe said nothing of the file system"),
        };
    }

    private static (CvmfsState State, string Detail) Failed(string step, string errno, ProbeReply reply)
    {
        string what = step switch
        {
            "root" => "opening the CVMFS root",
            "open" => "opening the repository",
            "statfs" => "asking for the file system type",
            "list" => "listing the root directory",
            _ => $"reading {reply["sentinel.path"]}",
        };
        bool slow = reply.Number("open.milliseconds") > SlowMountMilliseconds;
        return errno switch
        {
            "ENOENT" or "ENOTDIR" when step == "root" => (CvmfsState.Absent, "this node has no CVMFS root directory"),
            "ENOENT" when slow => (CvmfsState.Broken, "the mount failed after more than 5 s: network or proxy"),
            "ENOENT" => (CvmfsState.Absent, reply.Number("root.type") == Libc.AutofsMagic ? "not configured on this node" : "there is no such directory"),
            "ENOTCONN" or "ECONNABORTED" => (CvmfsState.Dead, $"{what}: {errno}: the CVMFS client of this repository died"),
            "EACCES" or "EPERM" => (CvmfsState.Forbidden, $"{what}: {errno}"),
            "ELOOP" => (CvmfsState.NamespacePrivate, $"{what}: ELOOP: new mounts of the node do not reach this mount namespace"),
            "EMFILE" or "ENFILE" => (CvmfsState.Broken, $"{what}: {errno}: the CVMFS client has no descriptors left"),
            _ => (CvmfsState.Broken, $"{what}: {errno}"),
        };
    }

    private static (CvmfsState State, string Detail) Mounted(string name, ProbeReply reply)
    {
        if (reply.Number("list.count") == 0)
        {
            return (CvmfsState.Broken, "mounted, but its root directory is empty");
        }

        if (reply["fqrn.errno"] is "ENOTCONN" or "ECONNABORTED" or "EIO")
        {
            return Failed("statfs", reply["fqrn.errno"], reply);
        }

        if (reply["fqrn"] == name)
        {
            return (CvmfsState.Healthy, $"revision {reply["attribute.revision"]}");
        }

        if (reply["fqrn"].Length > 0)
        {
            return (CvmfsState.Copy, $"a CVMFS mount that calls itself {reply["fqrn"]}");
        }

        // Sites may hide single attributes from ordinary users; one that answers is proof enough.
        return reply.Values.Keys.Any(k => k.StartsWith("attribute.", StringComparison.Ordinal))
            ? (CvmfsState.Healthy, "its name attribute is hidden")
            : (CvmfsState.Copy, "a FUSE file system without the attributes of CVMFS");
    }

    private static ImmutableDictionary<string, string> Attributes(ProbeReply reply)
    {
        const string Prefix = "attribute.";
        return reply.Values.Where(v => v.Key.StartsWith(Prefix, StringComparison.Ordinal))
            .ToImmutableDictionary(v => v.Key[Prefix.Length..], v => v.Value, StringComparer.Ordinal);
    }

    private static string? FirstErrno(ProbeReply reply) =>
        ((string[])["root.errno", "open.errno", "statfs.errno", "list.errno", "sentinel.errno"]).Select(k => reply[k]).FirstOrDefault(e => e.Length > 0);

    private static ImmutableArray<string> Warnings(ProbeReply reply)
    {
        List<string> warnings = [];
        if (reply.Number("again.nioerr") > (reply.Number("attribute.nioerr") ?? long.MaxValue))
        {
            warnings.Add($"I/O errors rose from {reply["attribute.nioerr"]} to {reply["again.nioerr"]} during the probe");
        }

        if (reply["attribute.proxy"] == "DIRECT")
        {
            warnings.Add("the client bypasses the site's proxy (DIRECT)");
        }

        if (reply.Number("statfs.free") < LowCacheBytes || reply.Number("attribute.ncleanup24") > ManyCleanups)
        {
            warnings.Add("the client's cache is under pressure");
        }

        if (reply.Number("attribute.usedfd") > (reply.Number("attribute.maxfd") ?? long.MaxValue) / 10 * 9)
        {
            warnings.Add($"the client has used {reply["attribute.usedfd"]} of {reply["attribute.maxfd"]} descriptors");
        }

        return [.. warnings];
    }
}
