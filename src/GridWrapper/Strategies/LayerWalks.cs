using GridWrapper.Images;
using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>The walks through layers of CVMFS, each done once per node: what an earlier run found is kept. All touching is done by probe children.</summary>
internal sealed class LayerWalks(LayerShims shims, IProbeChildren children, CvmfsPolicy policy)
{
    /// <summary>A layer with more entries costs more to walk than to fetch.</summary>
    private const int MaxEntries = 1_000_000;

    /// <summary>A walk may take this many times the deadline of one step.</summary>
    private const double PatienceSteps = 4;

    /// <summary>What is in each layer, by blob; and why layers cannot be used, by blob.</summary>
    internal async Task<Found> FindAsync(ImmutableArray<HybridPart.InCvmfs> parts, CancellationToken ct)
    {
        Found found = new([], []);
        List<HybridPart.InCvmfs> ahead = [];
        foreach (HybridPart.InCvmfs part in parts)
        {
            if (shims.Find(part) is { } index)
            {
                found.Indexes[part.Blob.Digest] = index;
            }
            else
            {
                ahead.Add(part);
            }
        }

        // One child walks several layers of a repository. Where it breaks off, another goes on behind the layer at which it did.
        while (ahead.Count > 0)
        {
            HybridPart.InCvmfs[] group = [.. ahead.Where(p => p.Layer.Repository == ahead[0].Layer.Repository)];
            ProbeReply reply = await AskAsync(group, ct);
            int done = 0;
            while (done < group.Length && reply.Number(string.Create(CultureInfo.InvariantCulture, $"{done}.done")) == 1)
            {
                Take(group[done], Records(reply, done), found);
                done++;
            }

            if (done < group.Length)
            {
                found.Faults[group[done].Blob.Digest] = reply.End == ProbeEnd.Answered ? "it was not walked" : reply.Trouble;
            }

            foreach (HybridPart.InCvmfs part in group.Take(done + 1))
            {
                ahead.Remove(part);
            }
        }

        return found;
    }

    private Task<ProbeReply> AskAsync(HybridPart.InCvmfs[] group, CancellationToken ct)
    {
        TimeSpan step = TimeSpan.FromSeconds(policy.StepSeconds);
        string seconds = (policy.StepSeconds * PatienceSteps).ToString(CultureInfo.InvariantCulture);
        return children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Markers,
                Arguments = [MaxEntries.ToString(CultureInfo.InvariantCulture), seconds, .. group.Select(p => p.Layer.Tree)],
                FirstDeadline = step,
                StepDeadline = step,
                Repository = $"{policy.Root}/{group[0].Layer.Repository}",
            },
            ct);
    }

    private void Take(HybridPart.InCvmfs part, Dictionary<string, string> records, Found found)
    {
        string bad = records.GetValueOrDefault("bad", "");
        if (bad.Length > 0)
        {
            found.Faults[part.Blob.Digest] = bad;
            return;
        }

        try
        {
            found.Indexes[part.Blob.Digest] = shims.Make(part, records);
        }
        catch (LinuxException e)
        {
            throw HybridFault.Storage(part.Layer.Tree, e);
        }
    }

    private static Dictionary<string, string> Records(ProbeReply reply, int number)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture, $"{number}.");
        return reply.Values.Where(v => v.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(v => v.Key[prefix.Length..], v => v.Value, StringComparer.Ordinal);
    }

    internal sealed record Found(Dictionary<Digest, CvmfsLayerIndex> Indexes, Dictionary<Digest, string> Faults);
}
