using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
public class ServerAnswerTests
{
    [TestCase(200, """{"success": true, "message": "", "data": null}""", "Done")]
    [TestCase(200, """{"success": true, "message": "", "data": ""}""", "Done")]
    [TestCase(200, """{"success": true, "message": "", "data": {"StatusCode": 0, "command": "NULL"}}""", "Done")]
    [TestCase(200, """{"success": true, "message": "", "data": {"command": "NULL"}}""", "Done")]
    [TestCase(200, """{"success": true, "message": "", "data": [{"StatusCode": 10}]}""", "Done")]
    [TestCase(200, """ {"success": true, "data": {"StatusCode": "10"}}""", "Again")]
    [TestCase(200, """{"success": true, "data": {"StatusCode": 30}}""", "Again")]
    [TestCase(200, """{"success": true, "data": {"StatusCode": 20}}""", "NoJob")]
    [TestCase(200, """{"success": true, "data": {"StatusCode": 60}}""", "Unauthorised")]
    [TestCase(200, """{"success": false, "message": "No jobs in PanDA", "data": null}""", "NoJob")]
    [TestCase(200, """{"success": false, "message": "Timed out", "data": null}""", "Again")]
    [TestCase(200, """{"success": false, "message": "SSL secure connection is required"}""", "Unauthorised")]
    [TestCase(200, """{"success": false, "message": "production or pilot role required"}""", "Unauthorised")]
    [TestCase(200, """{"success": false, "message": "no production/pilot role in VOMS FQANs or non pilot owner"}""", "Unauthorised")]
    [TestCase(200, """{"success": false, "message": "Type error: 'job_id' must be of type int, got str."}""", "Refused")]
    [TestCase(200, """{"success": false, "message": {"odd": 1}}""", "Refused")]
    [TestCase(200, """{"success": false, "message": "Argument error: got an unexpected keyword argument 'x'"}""", "UnknownField")]
    [TestCase(200, """{"success": "yes"}""", "Again")]
    [TestCase(200, """{"success": tr""", "Again")]
    [TestCase(200, "{'success': True, 'message': '', 'data': None}", "Refused")]
    [TestCase(200, "<html>maintenance</html>", "Again")]
    [TestCase(200, "", "Again")]
    [TestCase(403, "ERROR : method update_job is forbidden", "ApiMissing")]
    [TestCase(403, "ERROR : Token authentication failed. expired", "Unauthorised")]
    [TestCase(403, "ERROR : somebody is banned", "Unauthorised")]
    [TestCase(404, "not found", "ApiMissing")]
    [TestCase(401, "", "Unauthorised")]
    [TestCase(500, "update_job() got an unexpected keyword argument 'x'", "UnknownField")]
    [TestCase(500, "received invalid JSON", "Again")]
    [TestCase(502, "", "Again")]
    [TestCase(413, "too large", "Refused")]
    public void V1(int status, string text, string expected) =>
        Assert.That(ServerAnswer.ReadV1(status, text).GetType().Name, Is.EqualTo(expected));

    [TestCase(200, "StatusCode=0&command=NULL", "Done")]
    [TestCase(200, "StatusCode=0", "Done")]
    [TestCase(200, """{"StatusCode": 0, "command": "NULL"}""", "Done")]
    [TestCase(200, "StatusCode=10", "Again")]
    [TestCase(200, "StatusCode=20&errorDialog=no+jobs+in+PanDA", "NoJob")]
    [TestCase(200, "StatusCode=30", "Again")]
    [TestCase(200, "StatusCode=50", "Refused")]
    [TestCase(200, "StatusCode=60", "Unauthorised")]
    [TestCase(200, "StatusCode=70", "Unauthorised")]
    [TestCase(200, "StatusCode=80", "Unauthorised")]
    [TestCase(200, "StatusCode=90", "Unauthorised")]
    [TestCase(200, "True", "Again")]
    [TestCase(403, "ERROR : method getJob is forbidden", "ApiMissing")]
    public void Legacy(int status, string text, string expected) =>
        Assert.That(ServerAnswer.ReadLegacy(status, text).GetType().Name, Is.EqualTo(expected));

    [Test]
    public void Deeply_nested_answers_do_not_exhaust_the_stack() =>
        Assert.That(ServerAnswer.ReadV1(200, string.Concat(Enumerable.Repeat("{\"a\":", 100_000))), Is.InstanceOf<ServerOutcome.Again>());

    [Test]
    public void Details_are_one_short_line()
    {
        string line = ServerAnswer.OneLine("a\nb\t" + new string('x', 1000));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(line, Does.StartWith("a b x"));
            Assert.That(line, Has.Length.EqualTo(301));
        }
    }
}
