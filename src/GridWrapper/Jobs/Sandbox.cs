namespace GridWrapper.Jobs;

/// <summary>The user's source tarball: fetched from <c>Url/cache/File</c> unless <c>File</c> is already in the job directory. Url is null when no --sourceURL was given.</summary>
internal sealed record Sandbox(Uri? Url, string File);
