namespace GridWrapper.Launching;

/// <summary>
/// One step of the set-up inside the namespaces, executed by gridwrap-init in order. `--dry-run` prints exactly these.
/// The names of the operations and the meaning of source, target and options are documented with <see cref="LaunchSpec"/>'s builder.
/// </summary>
/// <param name="Op">kebab-case name: "tmpfs", "bind", "overlay", "write-file"…</param>
/// <param name="Source">Host path or content, null where the operation has none.</param>
/// <param name="Target">Path inside the new root, null where the operation has none.</param>
/// <param name="Options">Comma-separated options, empty for none.</param>
internal sealed record LaunchOperation(string Op, string? Source, string? Target, string Options = "");
