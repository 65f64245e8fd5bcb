using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>
/// What an image file says of itself, where its root is not mounted on the node: the few files that decide about variables and command, copied out of the squashfs into the cache by our own reader.
/// Kept beside the note of its digest, so that the next run of the same file does not look again.
/// </summary>
internal sealed class SifLook(IProbeChildren children)
{
    private static readonly RoomLog Log = new(nameof(SifLook));

    /// <summary>Where it is, or would be.</summary>
    internal static string PathOf(PlanInput input) => $"{new CacheDirectory(input.CacheDirectory).ImageNotes(SifJudge.FileOf(input).Identity)}/look";

    /// <returns>The directory; null where the image cannot be looked into, which a launch survives.</returns>
    internal async Task<string?> EnsureAsync(PlanInput input, CancellationToken ct)
    {
        string final = PathOf(input);
        if (Directory.Exists(final))
        {
            return final;
        }

        var cache = new CacheDirectory(input.CacheDirectory);
        using WorkDirectory work = WorkDirectory.Make(cache, "look");
        string fault = await FillAsync(input, work.Path, ct);
        if (fault.Length > 0)
        {
            Log.Warn("{Image} cannot be looked into: {Fault}", SifJudge.Found(input).Path, fault);
            return null;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(final)!);
        try
        {
            Directory.Move(work.Path, final);
            work.Keep().Dispose();
        }
        catch (IOException) when (Directory.Exists(final))
        {
            Log.Debug("somebody else made {Directory} at the same moment", final);
        }

        return final;
    }

    private async Task<string> FillAsync(PlanInput input, string work, CancellationToken ct)
    {
        ImageFile file = SifJudge.FileOf(input);
        string[] part = [file.Offset.ToString(CultureInfo.InvariantCulture), file.SizeBytes.ToString(CultureInfo.InvariantCulture)];
        if (SifJudge.Found(input).File!.IsLocal)
        {
            ProbeOutput.ToDictionary said = new();
            ImageLookCheck.Run(file.Path, part, work, said);
            return said.Values.GetValueOrDefault("fault", "");
        }

        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.ImageLook,
                Arguments = [file.Path, .. part, work],
                FirstDeadline = TimeSpan.FromSeconds(input.Site.Cvmfs.FirstTouchSeconds),
                StepDeadline = TimeSpan.FromSeconds(input.Site.Cvmfs.FirstTouchSeconds),
                Repository = CvmfsPath.RepositoryDirectory(input.Site.Cvmfs.Root, file.Path),
            },
            ct);
        return reply.End == ProbeEnd.Answered ? reply["fault"] : reply.Trouble;
    }
}
