namespace GridWrapper.Probing;

/// <summary>An Apptainer or Singularity installation.</summary>
/// <param name="Path">Absolute path of the program.</param>
/// <param name="Name">"apptainer" or "singularity", as its version line says.</param>
/// <param name="Version">e.g. "1.4.5".</param>
/// <param name="Origin">"profile", "path" or "cvmfs".</param>
/// <param name="Works">Whether it ran a program unprivileged from a directory here; the reason when not.</param>
internal sealed record RuntimeFacts(string Path, string Name, string Version, string Origin, StepResult Works);
