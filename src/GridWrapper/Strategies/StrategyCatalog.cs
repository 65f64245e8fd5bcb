using GridWrapper.Probing;
using GridWrapper.Registries;

namespace GridWrapper.Strategies;

/// <summary>Every way of getting a root filesystem that this program knows.</summary>
internal static class StrategyCatalog
{
    /// <summary>As `--strategy` takes them.</summary>
    internal static readonly ImmutableArray<string> Names = ["directory", "cvmfs-flat", "cvmfs-layers", "local", "registry", PackedStrategy.StrategyName, LazyStrategy.StrategyName, SifJudge.StrategyName];

    internal static ImmutableArray<IRootfsStrategy> Create(RegistryClientFactory clients, IProbeChildren children, TimeProvider clock)
    {
        var assembly = new LayerAssembly(clock);
        return
        [
            new DirectoryStrategy(),
            new CvmfsFlatStrategy(children),
            new CvmfsLayersStrategy(clients, children, clock),
            new LocalStrategy(assembly),
            new RegistryStrategy(clients, assembly, clock),
            new PackedStrategy(clients, clock),
            new LazyStrategy(clients, clock),
            new SifMountedStrategy(children),
            new SifUnpackedStrategy(children, clock),
            new SifHandedOverStrategy(children),
        ];
    }
}
