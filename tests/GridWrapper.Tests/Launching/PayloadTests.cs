using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;

namespace GridWrapper.Tests.Launching;

/// <summary>Environment, command and directory of the payload, the same for every launcher.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class PayloadTests
{
    private const string Path = "PATH=" + PayloadEnvironment.DefaultPath;

    public static IReadOnlyList<TestCaseData> Environments { get; } =
    [
        new TestCaseData((string[])[], (string[])[], null, (string[])["HOME=/scratch/job", Path]).SetArgDisplayNames("nothing given"),
        new TestCaseData((string[])["PATH=/opt/bin", "A=1", "A=2", "junk", "=x", "B=a=b", "C="], (string[])[], null, (string[])["A=2", "B=a=b", "C=", "HOME=/scratch/job", "PATH=/opt/bin"])
            .SetArgDisplayNames("image's, the later wins"),
        new TestCaseData((string[])["A=image", "HOME=/root"], (string[])["A=job"], "/ctrdata", (string[])["A=job", "HOME=/ctrdata", Path]).SetArgDisplayNames("job's beat the image's"),
        new TestCaseData((string[])[], (string[])["HOME=/home/me", "PATH=/x"], "/ctrdata", (string[])["HOME=/home/me", "PATH=/x"]).SetArgDisplayNames("HOME given"),
    ];

    public static IReadOnlyList<TestCaseData> Commands { get; } =
    [
        new TestCaseData((string[])["ep"], (string[])["cmd"], (string[])["user", "arg"], true, (string[])["ep", "user", "arg"]).SetArgDisplayNames("entrypoint and command"),
        new TestCaseData((string[])["ep"], (string[])["cmd"], (string[])[], true, (string[])["ep", "cmd"]).SetArgDisplayNames("entrypoint and Cmd"),
        new TestCaseData((string[])["ep"], (string[])["cmd"], (string[])["user"], false, (string[])["user"]).SetArgDisplayNames("command alone"),
        new TestCaseData((string[])["ep"], (string[])["cmd"], (string[])[], false, (string[])["ep", "cmd"]).SetArgDisplayNames("no command"),
        new TestCaseData((string[])[], (string[])["cmd"], (string[])[], true, (string[])["cmd"]).SetArgDisplayNames("Cmd alone"),
    ];

    [TestCaseSource(nameof(Environments))]
    public void Environment(string[] image, string[] job, string? dataDirectory, string[] expected)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        request = request with
        {
            Rootfs = request.Rootfs with { Config = Requests.Config with { Env = [.. image] } },
            Environment = job.Select(e => e.Split('=', 2)).ToImmutableSortedDictionary(e => e[0], e => e[1], StringComparer.Ordinal),
            DataDirectory = dataDirectory,
        };
        Assert.That(PayloadEnvironment.Create(request).Select(v => $"{v.Key}={v.Value}"), Is.EqualTo(expected));
    }

    [TestCaseSource(nameof(Commands))]
    public void Command(string[] entrypoint, string[] cmd, string[] command, bool useEntrypoint, string[] expected)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        request = request with
        {
            Rootfs = request.Rootfs with { Config = Requests.Config with { Entrypoint = [.. entrypoint], Cmd = [.. cmd] } },
            Command = [.. command],
            Personality = useEntrypoint ? Personality.Oci : Personality.ByCallStyle,
        };
        Assert.That(PayloadCommand.Create(request), Is.EqualTo(expected));
    }

    [Test]
    public void AnImageWithoutCommandIsToBlame([Values] bool hasConfig)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        request = request with { Rootfs = request.Rootfs with { Config = hasConfig ? Requests.Config : null }, Command = [] };
        Failure failure = Assert.Throws<GridWrapperException>(() => PayloadCommand.Create(request)).Failure;
        Assert.That((failure.Blame, failure.PilotErrorCode, failure.ExitCode), Is.EqualTo((Blame.Image, 1305, 125)));
    }

    [TestCase(null, null, null, ExpectedResult = "/scratch/job")]
    [TestCase("", "/ctrdata", null, ExpectedResult = "/ctrdata")]
    [TestCase("/", "/ctrdata", null, ExpectedResult = "/ctrdata")]
    [TestCase("/app", "/ctrdata", null, ExpectedResult = "/app")]
    [TestCase("app", null, null, ExpectedResult = "/app")]
    [TestCase("/app", "/ctrdata", "/else", ExpectedResult = "/else")]
    [TestCase("/app", "/ctrdata", "/", ExpectedResult = "/")]
    public string Directory(string? workingDir, string? dataDirectory, string? initial)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        ImageConfig? config = workingDir is null ? null : Requests.Config with { WorkingDir = workingDir };
        return PayloadDirectory.Create(request with { Rootfs = request.Rootfs with { Config = config }, DataDirectory = dataDirectory, InitialDirectory = initial });
    }
}
