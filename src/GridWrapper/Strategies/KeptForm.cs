using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>In which form the missing layers of a served root are to be kept, as the profile's `serving.keep` and the room in the cache say. Pure.</summary>
/// <param name="Bytes">What they take, about.</param>
/// <param name="Why">For people: why it is not the usual form; empty where it is.</param>
internal sealed record KeptForm(KeptAs Form, double Bytes, string Why)
{
    /// <summary>Of the cache: index, content, directory.</summary>
    internal const int FilesPerLayer = 3;

    /// <summary>Of layers of this form, for people.</summary>
    internal string Need => string.Create(CultureInfo.InvariantCulture, $"{Words(Bytes)} packed{(Form == KeptAs.Compressed ? " and compressed" : "")}");

    internal static KeptForm Of(PlanInput input, ImmutableArray<Descriptor> missing)
    {
        double inflated = LayerEstimate.Bytes(missing);
        double compressed = LayerEstimate.CompressedBytes(missing);
        string keep = input.Site.Serving.Keep;
        bool isPossible = missing.Any(LayerEstimate.IsGzip);
        if (isPossible && keep == ServingPolicy.KeepCompressed)
        {
            return new KeptForm(KeptAs.Compressed, compressed, $"kept compressed, {Words(compressed)} on disk, as serving.keep asks{Others(missing)}");
        }

        return isPossible && keep == ServingPolicy.KeepAuto && input.Host.Zlib is not Fact<string>.Absent && !Fits(input, inflated) && Fits(input, compressed)
            ? new KeptForm(KeptAs.Compressed, compressed, $"kept compressed, {Words(compressed)} on disk, since {Words(inflated)} of inflated ones would not fit{Others(missing)}")
            : new KeptForm(keep == ServingPolicy.KeepInflated ? KeptAs.Inflated : KeptAs.InflatedWhileItFits, inflated, "");
    }

    /// <summary>Whether it matters if the node has a zlib.</summary>
    internal static bool NeedsZlib(PlanInput input, ImmutableArray<Descriptor> missing) => Of(input, missing).Form == KeptAs.Compressed;

    /// <summary>Why they cannot be kept; null where they can.</summary>
    internal Verdict.Refused? Refuse(PlanInput input, ImmutableArray<Descriptor> missing)
    {
        if (Form == KeptAs.Compressed && input.Host.Zlib is Fact<string>.Absent { Reason: var why })
        {
            return FuseJudge.Refused($"serving.keep is compressed and {why}; install the package zlib (zlib1g), or set serving.keep to inflated");
        }

        Verdict.Refused? full = LayerCost.NoSpace(input, (Bytes, missing.Length * FilesPerLayer), Need);
        double compressed = LayerEstimate.CompressedBytes(missing);
        return full is not null && Form == KeptAs.InflatedWhileItFits && compressed < Bytes && Fits(input, compressed) && input.Host.Zlib is Fact<string>.Absent { Reason: var problem }
            ? full with { Reason = $"{full.Reason}; kept compressed they would fit, but {problem}: install the package zlib (zlib1g)" }
            : full;
    }

    private static bool Fits(PlanInput input, double bytes) => LayerCost.NoSpace(input, (bytes, 0), "") is null && !(bytes > input.Site.Cache.MaxBytes);

    private static string Others(ImmutableArray<Descriptor> missing) =>
        missing.Count(blob => !LayerEstimate.IsGzip(blob)) is > 0 and int others ? $"; {others} that are not gzip stay inflated" : "";

    private static string Words(double bytes) => string.Create(CultureInfo.InvariantCulture, $"about {Math.Max(1, bytes / 1e6):0} MB");
}
