using GridWrapper.Registries;

namespace GridWrapper.Strategies;

/// <summary>Every way of getting a root filesystem that this program knows.</summary>
internal static class StrategyCatalog
{
    internal static ImmutableArray<IRootfsStrategy> Create(RegistryClientFactory clients, TimeProvider clock)
    {
        var assembly = new LayerAssembly(clock);
        return
        [
            new DirectoryStrategy(),
            new LocalStrategy(assembly),
            new RegistryStrategy(clients, assembly),
        ];
    }
}
