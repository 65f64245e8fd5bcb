namespace GridWrapper.Jobs;

/// <summary>
/// Puts the inputs into the payload text: %NAME becomes the comma-joined files of the stream NAME, %CORE_NUMBER and %PROC_NUMBER the job's cores. A name
/// ends where letters, digits and underscores end, so %IN does not eat the beginning of %INPUT; every other percent sign stays as it is.
/// </summary>
internal static class PayloadText
{
    /// <summary>The stream of the main inputs.</summary>
    internal const string MainStream = "IN";

    /// <param name="exec">The decoded payload text.</param>
    /// <param name="job">Inputs, streams and cores.</param>
    /// <param name="resolve">From an input as the job names it (LFN or URL) to what the payload shall see.</param>
    internal static string Expand(string exec, JobRequest job, Func<string, string> resolve)
    {
        var expanded = new StringBuilder(exec.Length);
        int at = 0;
        while (at < exec.Length)
        {
            int percent = exec.IndexOf('%', at);
            if (percent < 0)
            {
                break;
            }

            int end = percent + 1;
            while (end < exec.Length && (char.IsAsciiLetterOrDigit(exec[end]) || exec[end] == '_'))
            {
                end++;
            }

            expanded.Append(exec, at, percent - at);
            expanded.Append(Find(exec[(percent + 1)..end], job, resolve) ?? exec[percent..end]);
            at = end;
        }

        return expanded.Append(exec, at, exec.Length - at).ToString();
    }

    /// <summary>The files of a stream as `--writeInputToTxt` writes them: joined by commas; empty for a stream that the job does not have.</summary>
    internal static string JoinStream(string stream, JobRequest job, Func<string, string> resolve) =>
        string.Join(',', (Files(stream, job) ?? []).Select(resolve));

    private static string? Find(string name, JobRequest job, Func<string, string> resolve) =>
        Files(name, job) is not null ? JoinStream(name, job, resolve)
        : name is "CORE_NUMBER" or "PROC_NUMBER" ? job.CoreCount.ToString(CultureInfo.InvariantCulture)
        : null;

    private static ImmutableArray<string>? Files(string stream, JobRequest job)
    {
        foreach (InputStream candidate in job.InMap)
        {
            if (candidate.Name == stream)
            {
                return candidate.Files;
            }
        }

        return stream == MainStream && !job.Inputs.IsEmpty ? job.Inputs : null;
    }
}
