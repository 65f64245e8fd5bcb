using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

/// <summary>The stand-in is worth something only if it is as unforgiving as the real server.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(30_000)]
public class LoopbackWorkloadManagerTests
{
    private const string Update = "/api/v1/pilot/update_job";
    private const string Acquire = "/api/v1/pilot/acquire_jobs";

    private const string Job = """{"PandaID": 12, "attemptNr": 1, "jobPars": "it's", "outFiles": "o.root,l.tgz"}""";

    [TestCase("application/json; charset=utf-8")]
    [TestCase("text/json")]
    [TestCase("Application/JSON")]
    public async Task Any_other_content_type_loses_the_arguments(string contentType, CancellationToken ct) =>
        Assert.That((await PostAsync(Update, """{"job_id": 12, "job_status": "running"}""", ct, contentType)).Text, Does.Contain("Argument error: missing a required argument: 'job_id'"));

    [Test]
    public async Task A_chunked_body_is_not_read(CancellationToken ct)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(server.Address, Update)) { Content = Json("{}") };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await http.SendAsync(request, ct);
        Assert.That(((int)response.StatusCode, await response.Content.ReadAsStringAsync(ct)), Is.EqualTo((500, "received invalid JSON")));
    }

    [TestCase("application/json", true)]
    [TestCase("application/json, */*", false)]
    [TestCase("", false)]
    public async Task A_get_is_answered_in_json_only_if_accept_says_so_exactly(string accept, bool json, CancellationToken ct)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(server.Address, "/api/v1/pilot/get_job_status?job_ids=1&job_ids=2"));
        if (accept.Length > 0)
        {
            _ = request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using HttpResponseMessage response = await http.SendAsync(request, ct);
        string text = await response.Content.ReadAsStringAsync(ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.Content.Headers.ContentType?.ToString(), Is.EqualTo("text/plain"));
            Assert.That(text, Does.StartWith(json ? "{\"success\":true" : "{'success': True, 'message': '', 'data': [{'job_id': 1, 'status': 'not found'"));
        }
    }

    [TestCase("""{"job_status": "running"}""", "Argument error: missing a required argument: 'job_id'")]
    [TestCase("""{"job_id": 12, "timestamp": "x"}""", "Argument error: missing a required argument: 'job_status'")]
    [TestCase("""{"job_id": 12, "job_status": "running", "timestamp": "x"}""", "Argument error: got an unexpected keyword argument 'timestamp'")]
    [TestCase("""{"job_id": "12", "job_status": "running"}""", "Type error: 'job_id' must be of type int, got str.")]
    [TestCase("""{"job_id": 12.0, "job_status": "running"}""", "Type error: 'job_id' must be of type int, got float.")]
    [TestCase("""{"job_id": 12, "job_status": "running", "meta_data": null}""", "Type error: 'meta_data' must be of type str, got NoneType.")]
    [TestCase("""{"job_id": 12, "job_status": "running", "meta_data": {}}""", "Type error: 'meta_data' must be of type str, got dict.")]
    [TestCase("""{"job_id": 12, "job_status": "running", "mean_core_count": 1.5}""", "Type error: 'mean_core_count' must be of type int, got float.")]
    [TestCase("""{"job_id": 12, "job_status": "running", "max_rss": "1"}""", "'types.UnionType' object has no attribute '__name__'")]
    [TestCase("""{"job_id": 12, "job_status": "dancing"}""", "StatusCode\":50")]
    [TestCase("""{"job_id": 12, "job_status": "running", "attempt_nr": null, "timeout": 60.0, "max_rss": 1.5, "meta_data": "", "n_events": true}""", "\"success\":true")]
    [TestCase("""{"job_id": 99, "job_status": "running"}""", "tobekilled")]
    [TestCase("{", "received invalid JSON")]
    public async Task Arguments_are_judged_as_the_server_does(string body, string expected, CancellationToken ct) =>
        Assert.That((await PostAsync(Update, body, ct)).Text, Does.Contain(expected));

    [Test]
    public async Task Credentials_come_before_the_role_and_the_role_before_the_method(CancellationToken ct)
    {
        WorkloadOptions options = new() { Token = "t", ProductionRole = false };
        string none = (await PostAsync(Update, "{}", ct, options: options)).Text;
        (int Status, string Text) noOrigin = await PostAsync(Update, "{}", ct, options: options, headers: [("Authorization", "Bearer t")]);
        (int Status, string Text) wrong = await PostAsync(Update, "{}", ct, options: options, headers: [("Authorization", "Bearer x"), ("Origin", "atlas")]);
        string role = (await PostAsync(Update, "{}", ct, options: options, headers: [("Authorization", "Bearer t"), ("Origin", "atlas")])).Text;
        string method = (await PostAsync("/api/v1/pilot/get_job_status", "{}", ct)).Text;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(none, Does.Contain("SSL secure connection is required"));
            Assert.That((noOrigin.Status, wrong.Status), Is.EqualTo((403, 403)));
            Assert.That(role, Does.Contain("production or pilot role required"));
            Assert.That(method, Does.Contain("expecting GET, received POST"));
        }
    }

    [TestCase("/server/panda/getJob")]
    [TestCase("/api/v1/pilot/nonsense")]
    [TestCase("/api/latest/pilot/update_job")]
    public async Task Unknown_methods_are_forbidden(string path, CancellationToken ct)
    {
        (int status, string text) = await PostAsync(path, "{}", ct);
        Assert.That((status, text), Is.EqualTo((403, $"ERROR : method {path.Split('/')[^1]} is forbidden")));
    }

    [Test]
    public async Task The_life_of_a_job(CancellationToken ct)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        server.AddJob(Job);
        JObject acquired = JObject.Parse(await SendAsync(server, Acquire, """{"site_name": "Q"}""", ct));
        string empty = await SendAsync(server, Acquire, """{"site_name": "Q"}""", ct);
        List<string?> states = [server.State.Find(12)?.State];
        foreach (string state in new[] { "starting", "running" })
        {
            _ = await SendAsync(server, Update, $$"""{"job_id": 12, "job_status": "{{state}}", "batch_id": "b"}""", ct);
            states.Add(server.State.Find(12)?.State);
        }

        string foreign = await SendAsync(server, Update, """{"job_id": 12, "job_status": "running", "batch_id": "c"}""", ct);
        string attempt = await SendAsync(server, Update, """{"job_id": 12, "job_status": "running", "attempt_nr": 2}""", ct);
        const string Report = """{\"o.root\":{\"guid\":\"g\",\"fsize\":1,\"adler32\":\"00000001\"},\"l.tgz\":{\"guid\":\"g\",\"fsize\":1,\"adler32\":\"00000001\"}}""";
        _ = await SendAsync(server, Update, $$"""{"job_id": 12, "job_status": "finished", "start_time": "2026-01-01T00:00:00Z", "job_output_report": "{{Report}}"}""", ct);
        string late = await SendAsync(server, Update, """{"job_id": 12, "job_status": "running"}""", ct);
        states.AddRange(server.State.Ask(12).State, server.State.Ask(12).State);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)acquired.SelectToken("data.jobs[0].jobPars"), Is.EqualTo("it's"));
            Assert.That((int?)acquired.SelectToken("data.jobs[0].nSent"), Is.EqualTo(1));
            Assert.That(empty, Does.Contain("No jobs in PanDA").And.Contain("\"success\":false"));
            Assert.That(states, Is.EqualTo(new[] { "sent", "starting", "running", "holding", "finished" }));
            Assert.That((foreign, attempt), Is.EqualTo((foreign, foreign)));
            Assert.That(foreign, Does.Contain("tobekilled"));
            Assert.That(late, Does.Contain("alreadydone"));
            Assert.That(server.State.Updates.Single(static u => u.Status == "finished").LostDates, Is.EqualTo(new[] { "start_time" }));
        }
    }

    [TestCase("""{"o.root": {"guid": "g", "fsize": 1, "adler32": "00000001"}}""", "expected output l.tgz is missing in pilot JSON")]
    [TestCase("""{"o.root": {"fsize": 1, "adler32": "00000001"}}""", "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON")]
    [TestCase("""{"o.root": {"guid": "g", "fsize": 1, "adler32": "1"}}""", "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON")]
    [TestCase("""{"x": {"guid": "g", "fsize": 1, "adler32": "00000001"}}""", "pilot produced x inconsistently with jobdef")]
    [TestCase("{}", "expected output o.root is missing in pilot JSON")]
    [TestCase("", "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON")]
    [TestCase("""{"o.root": {"guid": "g", "fsize": 1, "adler32": "00000001"}, "o.root._000001": {"guid": "g", "fsize": 1, "adler32": "00000001"}, "l.tgz": {"guid": "g", "fsize": 1, "adler32": "00000001"}}""", null)]
    public void Output_reports_are_judged_as_the_adder_does(string report, string? fault) =>
        Assert.That(OutputAdder.Judge(new WorkloadJob(JObject.Parse(Job)), report), Is.EqualTo(fault));

    [Test]
    public async Task Bulk_updates_apply_what_comes_before_a_broken_item(CancellationToken ct)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        string text = await SendAsync(server, "/api/v1/pilot/update_jobs_bulk", """{"job_list": [{"job_id": 12, "job_status": "running"}, {"job_id": 13}]}""", ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(text, Does.Contain("failed with KeyError 'job_status'"));
            Assert.That(server.State.Updates, Has.Length.EqualTo(1));
        }
    }

    [Test]
    public async Task Sandboxes_are_served(CancellationToken ct)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        server.AddFile("jobO.x.tar.gz", [1, 2, 3]);
        using HttpClient http = new();
        using HttpResponseMessage missing = await http.GetAsync(new Uri(server.Address, "/cache/other"), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await http.GetByteArrayAsync(new Uri(server.Address, "/cache/jobO.x.tar.gz"), ct), Is.EqualTo(new byte[] { 1, 2, 3 }));
            Assert.That(missing.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }
    }

    [TestCase("acquire_jobs", 19, 1)]
    [TestCase("update_job", 51, 2)]
    [TestCase("update_jobs_bulk", 2, 1)]
    [TestCase("get_job_status", 2, 1)]
    public void The_table_of_signatures_is_complete(string method, int parameters, int required)
    {
        ApiSignature signature = ApiSignature.All.Single(s => s.Name == method);
        Assert.That((signature.Parameters.Length, signature.Parameters.Count(static p => p.Required)), Is.EqualTo((parameters, required)));
    }

    private static async Task<(int Status, string Text)> PostAsync(
        string path, string body, CancellationToken ct, string contentType = "application/json", WorkloadOptions? options = null, (string Name, string Value)[]? headers = null)
    {
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(options ?? new WorkloadOptions(), new Random());
        server.AddJob(Job);
        _ = server.State.Next();
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(server.Address, path)) { Content = Json(body) };
        request.Content.Headers.ContentType = null;
        _ = request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        _ = request.Headers.TryAddWithoutValidation("Accept", "application/json");
        foreach ((string name, string value) in headers ?? [])
        {
            _ = request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await http.SendAsync(request, ct);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(ct));
    }

    private static async Task<string> SendAsync(LoopbackWorkloadManager server, string path, string body, CancellationToken ct)
    {
        using HttpClient http = new();
        using HttpResponseMessage response = await http.PostAsync(new Uri(server.Address, path), Json(body), ct);
        return await response.Content.ReadAsStringAsync(ct);
    }

    private static ByteArrayContent Json(string body)
    {
        ByteArrayContent content = new(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }
}
