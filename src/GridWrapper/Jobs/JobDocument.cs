using GridWrapper.Diagnostics;
using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Jobs;

/// <summary>
/// One job found in a document of any shape that travels in the PanDA world: the v1 acquire_jobs answer, the older server's answer as JSON or as a form,
/// with one job or a list, and the files that Harvester leaves (pandaJobData.out in both forms, HPCJobs.json). '{' or '[' as the first character means JSON.
/// </summary>
/// <param name="Job">The fields as they stand; the values of a form are all strings.</param>
/// <param name="Count">Jobs in the document.</param>
internal sealed record JobDocument(JObject Job, int Count)
{
    /// <summary>A job definition has some kilobytes; the limit keeps a wrong file from filling the memory.</summary>
    internal const int MaxBytes = 16 * 1024 * 1024;

    /// <summary>Job identifiers named in a message.</summary>
    private const int MaxListed = 20;

    /// <param name="content">The document.</param>
    /// <param name="pandaId">Which job to take; null takes the first.</param>
    /// <param name="faults">Receives why there is no job.</param>
    internal static JobDocument? Read(ReadOnlySpan<byte> content, long? pandaId, FaultList faults)
    {
        try
        {
            return All(content, faults) is { } jobs ? Choose(jobs, pandaId, faults) : null;
        }
        catch (FormatException e)
        {
            faults.Add($"the job document cannot be read: {e.Message}");
            return null;
        }
    }

    /// <summary>The numbers of all jobs of a document, in its order; none where it cannot be read.</summary>
    internal static ImmutableArray<long> Numbers(ReadOnlySpan<byte> content)
    {
        try
        {
            FaultList unheard = new();
            return [.. (All(content, unheard) ?? []).Select(job => new JobFields(job, unheard).Whole("PandaID")).OfType<long>().Distinct()];
        }
        catch (FormatException)
        {
            // Whoever reads the document as a job says what is wrong with it.
            return [];
        }
    }

    private static ImmutableArray<JObject>? All(ReadOnlySpan<byte> content, FaultList faults)
    {
        string text = JsonText.Decode(content, MaxBytes).Trim();
        return text[0] switch
        {
            '{' or '[' => JobShapes.FromJson(JsonText.Parse(content, MaxBytes, DuplicatePropertyNameHandling.Replace), faults),
            '<' => throw new FormatException($"it is a web page or XML, not a job; it begins with {Quoted.Text(JsonText.Beginning(text))}"),
            _ => JobShapes.FromForm(text, faults),
        };
    }

    private static JobDocument? Choose(ImmutableArray<JObject> jobs, long? pandaId, FaultList faults)
    {
        if (jobs.IsEmpty)
        {
            faults.Add("the document holds no job", PilotError.NoJobsInPanda, Blame.Server);
            return null;
        }

        if (pandaId is null)
        {
            return new JobDocument(jobs[0], jobs.Length);
        }

        string wanted = pandaId.Value.ToString(CultureInfo.InvariantCulture);
        JObject? job = jobs.FirstOrDefault(job => job["PandaID"]?.ToString(Formatting.None).Trim('"') == wanted);
        if (job is null)
        {
            IEnumerable<string> others = jobs.Take(MaxListed).Select(other => Quoted.Clean(other["PandaID"]?.ToString() ?? "one without PandaID"));
            faults.Add($"the document does not hold job {wanted}, but {string.Join(", ", others)}");
        }

        return job is null ? null : new JobDocument(job, jobs.Length);
    }
}
