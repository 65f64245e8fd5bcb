namespace GridWrapper.Tests;

/// <summary>The test brings the product, by a way that a job takes, to raise these codes of <see cref="GridWrapper.Diagnostics.PilotError"/>. Each code needs one (ErrorCatalogueTest).</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ProvokesAttribute : Attribute
{
    /// <param name="codes">Constants of PilotError.</param>
#pragma warning disable CA1019 // an accessor of that name and type would be an array, which CA1819 forbids
    public ProvokesAttribute(params int[] codes) => Codes = [.. codes];
#pragma warning restore CA1019

    public ImmutableArray<int> Codes { get; }
}
