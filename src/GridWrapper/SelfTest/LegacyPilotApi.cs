using GridWrapper.Reporting;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>The pilot API before v1, as far as a pilot needs it: form-encoded requests, answers as a form or, if exactly asked for, as JSON.</summary>
internal sealed class LegacyPilotApi(WorkloadState state)
{
    internal WorkloadAnswer Answer(WorkloadRequest request)
    {
        if (request.ContentType == "application/json")
        {
            return WorkloadAnswer.Plain(500, "Not a gzipped file");
        }

        JObject arguments = request.FormArguments();
        return request.Path["/server/panda/".Length..] switch
        {
            "getJob" => GetJob(arguments),
            "updateJob" => Update(arguments),
            "getStatus" => Status(arguments),
            string name => WorkloadAnswer.Plain(403, $"ERROR : method {name} is forbidden"),
        };
    }

    internal static WorkloadAnswer Code(int code) => new() { Document = new JObject { ["StatusCode"] = code } };

    /// <summary>key=value pairs; a dictionary inside is a Python literal.</summary>
    internal static string Form(JObject document) => string.Join('&', document.Properties().Select(static p =>
        Uri.EscapeDataString(p.Name) + "=" + Uri.EscapeDataString(p.Value is JContainer inner ? PythonLiteral.Write(inner) : p.Value.ToString())));

    private WorkloadAnswer GetJob(JObject arguments)
    {
        if (!arguments.ContainsKey("siteName"))
        {
            return WorkloadAnswer.Plain(500, "getJob() missing 1 required positional argument: 'siteName'");
        }

        return state.Next() is { } job ? new WorkloadAnswer { Document = job } : Code(20);
    }

    private WorkloadAnswer Update(JObject arguments)
    {
        JObject named = [];
        foreach (JProperty argument in arguments.Properties())
        {
            if (!LegacyNames.Update.TryGetValue(argument.Name, out WireField field))
            {
                return WorkloadAnswer.Plain(500, $"updateJob() got an unexpected keyword argument '{argument.Name}'");
            }

            named[field.Name] = field.Value is long ? long.Parse((string)argument.Value!, CultureInfo.InvariantCulture) : argument.Value;
        }

        // An unknown state is not an error here: nothing happens.
        string command = state.Update(named, legacy: true) ?? "NULL";
        return new WorkloadAnswer { Document = new JObject { ["StatusCode"] = 0, ["command"] = command } };
    }

    private WorkloadAnswer Status(JObject arguments)
    {
        (string State, int Attempt)[] all = [.. ((string?)arguments["ids"] ?? "").Split(' ').Select(id => state.Ask(long.Parse(id, CultureInfo.InvariantCulture)))];
        return new WorkloadAnswer
        {
            Document = new JObject
            {
                ["StatusCode"] = 0,
                ["status"] = string.Join('+', all.Select(static s => s.State == "not found" ? "notfound" : s.State)),
                ["attemptNr"] = string.Join('+', all.Select(static s => s.Attempt)),
            },
        };
    }
}
