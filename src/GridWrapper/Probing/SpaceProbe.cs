namespace GridWrapper.Probing;

/// <summary>Free space where something will be written. A path on a local file system is asked directly, one that may hang by a disposable child.</summary>
internal sealed class SpaceProbe(IProbeChildren children, MountInfo mounts)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    /// <summary>Null where it could not be told.</summary>
    internal async Task<SpaceFacts?> ProbeAsync(string purpose, string path, CancellationToken ct)
    {
        LocalPath where = LocalPath.Resolve(path, mounts);
        Func<string, string> value;
        if (where is LocalPath.Elsewhere)
        {
            ProbeReply reply = await children.AskAsync(
                new ProbeQuestion { Kind = ProbeKind.Space, Arguments = [path], FirstDeadline = Deadline, StepDeadline = Deadline },
                ct);
            value = key => reply.End == ProbeEnd.Answered ? reply[key] : "";
        }
        else
        {
            ProbeOutput.ToDictionary output = new();
            SpaceCheck.Run(path, output);
            value = key => output.Values.GetValueOrDefault(key, "");
        }

        string fileSystem = where switch
        {
            LocalPath.Here here => here.FileSystem,
            LocalPath.Elsewhere elsewhere => elsewhere.FileSystem,
            LocalPath.Missing missing => mounts.Covering(missing.Path)?.FileSystem ?? "unknown",
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        return long.TryParse(value("free.bytes"), CultureInfo.InvariantCulture, out long bytes)
            && long.TryParse(value("free.inodes"), CultureInfo.InvariantCulture, out long inodes)
            ? new SpaceFacts(purpose, path, bytes, inodes, fileSystem)
            : null;
    }
}
