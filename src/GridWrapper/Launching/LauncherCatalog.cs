namespace GridWrapper.Launching;

/// <summary>Every launcher of this build. To add one: one file in this folder, one line here.</summary>
internal static class LauncherCatalog
{
    /// <summary>As `--launcher` takes them.</summary>
    internal static readonly ImmutableArray<string> Names = ["rootless", "apptainer"];

    /// <param name="helperDirectory">Where gridwrap-init's file goes on nodes that forbid executing memory files.</param>
    internal static ImmutableArray<ILauncher> Create(string helperDirectory) =>
    [
        new RootlessLauncher(helperDirectory),
        new ApptainerLauncher(helperDirectory),
    ];
}
