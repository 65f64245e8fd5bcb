namespace GridWrapper.Launching;

/// <summary>The payload's initial working directory inside. Pure.</summary>
internal static class PayloadDirectory
{
    /// <summary>
    /// What the caller decided, else the image's WorkingDir, else where the job's files are. A WorkingDir of "/" is as good as none: builders write it into
    /// images whose makers never chose one.
    /// </summary>
    internal static string Create(LaunchRequest request)
    {
        string workingDir = request.Rootfs.Config?.WorkingDir ?? "";
        return request.InitialDirectory
            ?? (workingDir.Trim('/').Length == 0 ? request.DataDirectory ?? request.JobDirectory : workingDir.StartsWith('/') ? workingDir : "/" + workingDir);
    }
}
