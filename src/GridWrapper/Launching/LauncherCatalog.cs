namespace GridWrapper.Launching;

/// <summary>Every launcher of this build. To add one: one file in this folder, one line here.</summary>
internal static class LauncherCatalog
{
    internal static ImmutableArray<ILauncher> Create() =>
    [
        new ApptainerLauncher(),
    ];
}
