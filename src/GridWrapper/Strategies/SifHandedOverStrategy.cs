using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>An image file given to the node's Apptainer or Singularity as it is: that program knows what to do with it, also with what nobody else can mount.</summary>
internal sealed class SifHandedOverStrategy(IProbeChildren children) : IRootfsStrategy
{
    /// <summary>On top of the launcher's own time: its mount.</summary>
    private static readonly Cost Mounting = new(0, 0, 0, 0.1);

    /// <summary>What is true of every SIF file, where it cannot be looked into.</summary>
    private static readonly ImageInside Presumed = new() { HasShell = true, HasRunscript = true, Scripts = ["90-environment.sh"] };

    private readonly SifLook _look = new(children);

    public string Name => SifJudge.StrategyName;

    public string Way => SifJudge.HandedOver;

    public string? OnlyLauncher => "apptainer";

    public bool LeavesRoot => false;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (SifJudge.Refuse(input, out ImageFileFacts file) is { } refused)
        {
            return refused;
        }

        return file.Content is ImageFileFacts.Squashfs or ImageFileFacts.Ext3
            ? Verdict.Yes(Mounting, "the file is given to it as it is")
            : SifJudge.RefuseForeign(file, input.Image.Reference.ToString()!)!;
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => Described(input) with { Look = Reads(input) ? SifLook.PathOf(input) : null };

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        try
        {
            new CacheDirectory(input.CacheDirectory).Prepare();
            return Described(input) with { Look = Reads(input) ? await _look.EnsureAsync(input, ct) : null };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw LayerFault.Storage("looking into the image", input.CacheDirectory, e as IOException ?? new IOException(e.Message, e));
        }
    }

    private static bool Reads(PlanInput input) => SifJudge.Found(input).File is { Content: ImageFileFacts.Squashfs, Undecodable: null };

    private static Rootfs Described(PlanInput input)
    {
        PathImage found = SifJudge.Found(input);
        return new Rootfs
        {
            Strategy = SifJudge.StrategyName,
            LowerDirectories = [found.Path],
            ImageFile = found.Path,
            Inside = found.Kind == "sif" ? Presumed : null,
        };
    }
}
