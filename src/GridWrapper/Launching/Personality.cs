namespace GridWrapper.Launching;

/// <summary>By whose rules an image's own wishes are read: what runs, where, and with which variables. docs/personalities.md has the table.</summary>
internal enum Personality
{
    /// <summary>
    /// Nobody said. A command that was given runs alone, as after `docker run --entrypoint`; none means the image's own. The image's Env and WorkingDir count. A tree that has no
    /// OCI configuration but Singularity's scripts is read by those.
    /// </summary>
    ByCallStyle,

    /// <summary>The OCI image specification: Entrypoint and command or Cmd, WorkingDir or "/", Env, StopSignal, Volumes.</summary>
    Oci,

    /// <summary>Singularity and Apptainer: a command alone, or the runscript; the variables that /.singularity.d/env/*.sh set; neither WorkingDir nor User.</summary>
    Singularity,
}
