using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Reporting;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

/// <summary>What real servers said, replayed: each request must be the recorded one byte for byte, each answer is the recorded one, labelled text/plain as it was.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class RecordedDialogueTests
{
    private static readonly JObject Recorded = JObject.Parse(Repository.Read("tests/GridWrapper.Tests/Reporting/Recorded/dialogues.json"));

    private static IEnumerable<string> Names() => Recorded.Properties().Select(static p => p.Name);

    [TestCaseSource(nameof(Names))]
    public async Task A_dialogue_of_the_real_server(string name, CancellationToken ct)
    {
        JObject dialogue = (JObject)Recorded[name]!;
        JObject[] exchanges = [.. ((JArray)dialogue["dialogue"]!).Cast<JObject>()];
        ReplayServer server = new(exchanges);
        string result = await TalkAsync(server.Port, (string)dialogue["call"]!, ct);
        ImmutableArray<string> heard = await server.EndAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo((string?)dialogue["result"]));
            Assert.That(heard, Is.EqualTo(exchanges.Select(static e => $"{e["method"]} {e["path"]} {e["contentType"]} {e["accept"]} {Encoding.UTF8.GetByteCount((string)e["body"]!)} {e["body"]}")));
        }
    }

    private static async Task<string> TalkAsync(int port, string call, CancellationToken ct)
    {
        FakeClock clock = new();
        using PandaClient client = new(new PandaOptions
        {
            Server = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")),
            Time = clock,
            Random = new Random(1),
            CallTimeout = TimeSpan.FromDays(10),
        });
        return await clock.DriveAsync(CallAsync(client, call, ct), TimeSpan.FromSeconds(5));
    }

    private static async Task<string> CallAsync(PandaClient client, string call, CancellationToken ct)
    {
        try
        {
            return call switch
            {
                "acquire" => Describe(await client.AcquireJobAsync(PandaBench.Request, ct)),
                "heartbeat" => Describe(await client.UpdateJobAsync(PandaBench.Running, ct)),
                "final" => Describe(await client.UpdateJobAsync(PandaBench.Failed, ct)),
                _ => string.Join(", ", (await client.GetJobStatusAsync([PandaBench.JobId, 1], ct)).Select(static s => $"{s.JobId} {s.Status} {s.Attempt}")),
            };
        }
        catch (GridWrapperException e)
        {
            return $"failure {e.Failure.PilotErrorCode}";
        }
    }

    private static string Describe(UpdateAnswer answer) => answer.Accepted ? $"accepted {string.Join(';', answer.Commands)}" : "not accepted";

    private static string Describe(string? text)
    {
        if (text is null)
        {
            return "none";
        }

        JobRequest job = JobReader.FromDocument(Encoding.UTF8.GetBytes(text), new JobReadOptions { CurrentDirectory = "/" }).RequestOrThrow();
        return $"job {job.PandaId} image {((ImageReference.InRegistry)job.Image).ToString().Replace("docker://", "", StringComparison.Ordinal)} runs {job.Exec}";
    }
}
