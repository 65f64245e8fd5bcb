namespace GridWrapper.Running;

/// <summary>What a build job made, unpacked into the job directory as runGen does it. It is an input like any other, so it was staged in before.</summary>
internal static class LibraryTarball
{
    /// <param name="name">`-l`; null for none.</param>
    /// <param name="directory">The job directory.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="Diagnostics.GridWrapperException">It is not there, is no gzip tar, or leads out of the directory.</exception>
    internal static async Task UnpackAsync(string? name, string directory, CancellationToken ct)
    {
        if (name is null)
        {
            return;
        }

        string file = Path.Combine(directory, name);
        if (!File.Exists(file))
        {
            throw JobFailure.MissingInputs([name], directory);
        }

        await SandboxArchive.UnpackAsync(file, directory, ct);
    }
}
