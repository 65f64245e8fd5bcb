using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>An image file served in place by the node's squashfuse, in the namespaces of the launch: nothing is unpacked, and nothing is left when it ends.</summary>
internal sealed class SifMountedStrategy(IProbeChildren children) : IRootfsStrategy
{
    /// <summary>Starting the program and waiting for its first answer: a guess that orders the ways.</summary>
    private static readonly Cost Mounting = new(0, 0, 0, 0.05);

    private const string Undone = "the image cannot be mounted";

    private readonly SifLook _look = new(children);

    public string Name => SifJudge.StrategyName;

    public string Way => SifJudge.Mounted;

    public string? OnlyLauncher => "rootless";

    public bool LeavesRoot => false;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if ((SifJudge.Refuse(input, out ImageFileFacts file) ?? SifJudge.RefuseForeign(file, input.Image.Reference.ToString()!)) is { } refused)
        {
            return refused;
        }

        if (!input.Host.Squashfuse.IsKnown(out SquashfuseFacts program))
        {
            return FuseJudge.Refused($"{Undone}: {input.Host.Squashfuse.Why}; the package squashfuse would do it");
        }

        return FuseJudge.Refuse(input.Host, Undone) ?? (Verdict)Verdict.Yes(Mounting, $"mounted in place by {program.Path}");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => Described(input);

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        try
        {
            new CacheDirectory(input.CacheDirectory).Prepare();
            Rootfs made = Described(input);
            Directory.CreateDirectory(made.LowerDirectories[0]);
            return made with { Look = await _look.EnsureAsync(input, ct) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw LayerFault.Storage("looking into the image", input.CacheDirectory, e as IOException ?? new IOException(e.Message, e));
        }
    }

    private static Rootfs Described(PlanInput input)
    {
        ImageFile file = SifJudge.FileOf(input);
        SquashfuseFacts program = input.Host.Squashfuse.IsKnown(out SquashfuseFacts known) ? known : throw new InvalidOperationException("called without a usable verdict");
        string look = SifLook.PathOf(input);
        return new Rootfs
        {
            Strategy = SifJudge.StrategyName,
            LowerDirectories = [input.CacheDirectory + "/mount"],
            ImageFile = file.Path,
            Mount = new ImageMount(program.Path, file.Path, file.Offset, program.TakesOwner),
            Look = look,
        };
    }
}
