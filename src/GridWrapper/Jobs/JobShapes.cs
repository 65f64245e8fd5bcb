using GridWrapper.Diagnostics;
using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Jobs;

/// <summary>Finds the jobs in a document; null (and a fault) if it says that there are none, or is something else.</summary>
internal static class JobShapes
{
    internal static ImmutableArray<JObject>? FromJson(JToken root, FaultList faults) => root switch
    {
        JArray list => FromList(list, faults),
        JObject envelope when envelope.ContainsKey("success") => FromEnvelope(envelope, faults),
        JObject answer when answer.ContainsKey("jobs") => FromAnswer(answer, faults),
        JObject job when IsJob(job) => [job],
        JObject status when status.ContainsKey("StatusCode") => FromAnswer(status, faults),
        JObject map when map.Properties().All(entry => entry.Name.Length > 0 && entry.Name.All(char.IsAsciiDigit)) => FromMap(map, faults),
        JObject other => Unknown($"a JSON object with {Keys(other)}", faults),
        _ => Unknown($"JSON, but {DescriptorReader.Name(root)}", faults),
    };

    /// <summary>The form-encoded answer of older servers, and the file that Harvester writes of it. Keys are decoded too; empty values are kept.</summary>
    internal static ImmutableArray<JObject>? FromForm(string text, FaultList faults)
    {
        var fields = new JObject();
        foreach (string pair in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                fields[PercentDecoder.DecodeForm(pair[..equals])] = PercentDecoder.DecodeForm(pair[(equals + 1)..]);
            }
        }

        return fields.ContainsKey("jobs") || fields.ContainsKey("StatusCode") || IsJob(fields)
            ? FromJson(fields, faults)
            : Unknown($"neither JSON nor a form of a job; it begins with {Quoted.Text(JsonText.Beginning(text))}", faults);
    }

    private static bool IsJob(JObject candidate) => candidate.ContainsKey("PandaID") || candidate.ContainsKey("jobPars");

    /// <summary>{"success", "message", "data"} of the v1 interface.</summary>
    private static ImmutableArray<JObject>? FromEnvelope(JObject envelope, FaultList faults)
    {
        if (envelope["success"] is not JValue { Value: true })
        {
            string message = envelope["message"] is { Type: JTokenType.String } text ? (string)text! : "no message";
            bool empty = message is "No jobs in PanDA" or "Timed out";
            faults.Add(
                empty ? $"the workload manager has no job: {Quoted.Text(message)}" : $"the workload manager refused to give a job: {Quoted.Text(message)}",
                empty ? PilotError.NoJobsInPanda : PilotError.CommunicationFailure,
                Blame.Server);
            return null;
        }

        return envelope["data"] switch
        {
            JObject job when IsJob(job) => [job],
            JObject answer => FromAnswer(answer, faults),
            JArray list => FromList(list, faults),
            _ => [],
        };
    }

    /// <summary>StatusCode and jobs; the list may be JSON text inside a form's value.</summary>
    private static ImmutableArray<JObject>? FromAnswer(JObject answer, FaultList faults)
    {
        if (!new JobFields(answer, faults).CheckStatus())
        {
            return null;
        }

        JToken? jobs = answer["jobs"];
        if (jobs is { Type: JTokenType.String })
        {
            try
            {
                jobs = JsonText.Parse(Encoding.UTF8.GetBytes((string)jobs!), JobDocument.MaxBytes, DuplicatePropertyNameHandling.Replace);
            }
            catch (FormatException e)
            {
                faults.Add($"the list of jobs in the form cannot be read: {e.Message}");
                return null;
            }
        }

        return jobs switch
        {
            JArray list => FromList(list, faults),
            JObject job => [job],
            _ => [],
        };
    }

    private static ImmutableArray<JObject>? FromList(JArray list, FaultList faults)
    {
        if (list.FirstOrDefault(item => item is not JObject) is { } wrong)
        {
            faults.Add($"the list of jobs holds {DescriptorReader.Name(wrong)} where a job should be");
            return null;
        }

        return [.. list.Cast<JObject>()];
    }

    /// <summary>{"PandaID": {job}}; the key stands in for a missing field, and must not contradict a present one.</summary>
    private static ImmutableArray<JObject>? FromMap(JObject map, FaultList faults)
    {
        ImmutableArray<JObject>.Builder jobs = ImmutableArray.CreateBuilder<JObject>(map.Count);
        foreach (JProperty entry in map.Properties())
        {
            if (entry.Value is not JObject job)
            {
                faults.Add($"job {entry.Name} is {DescriptorReader.Name(entry.Value)}, not an object");
                return null;
            }

            string inside = job["PandaID"]?.ToString(Formatting.None).Trim('"') ?? "";
            if (inside is "" or "null" or "NULL")
            {
                job["PandaID"] = entry.Name;
            }
            else if (inside != entry.Name)
            {
                faults.Add($"the job filed under {entry.Name} calls itself {Quoted.Text(inside)}");
                return null;
            }

            jobs.Add(job);
        }

        return jobs.ToImmutable();
    }

    private static ImmutableArray<JObject>? Unknown(string what, FaultList faults)
    {
        faults.Add($"the document is no job definition of a known shape: {what}");
        return null;
    }

    private static string Keys(JObject other) => $"the keys {string.Join(", ", other.Properties().Take(8).Select(entry => Quoted.Clean(entry.Name)))}";
}
