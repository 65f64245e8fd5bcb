namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>gridwrap under Apptainer's name, beside Apptainer itself where the two can be compared.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class FaceTests : EndToEndFixture
{
    [Test]
    public async Task Lines_mean_what_they_mean_to_Apptainer()
    {
        await Tool.RunAsync(Testbed.Script("trixie.sh"));
        string[] differing = [.. (await Tool.RunAsync(Testbed.Script("faces.sh"), Path.Combine(HookBed.Directory, "gridwrap"), Testbed.ReadableTree, Path.Combine(Testbed.Base, "faces")))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !l.EndsWith(" same", StringComparison.Ordinal))];

        // 255 would be taken for a success by PanDA's pilot.
        Assert.That(differing, Is.EqualTo((string[])["not-found differs: exit 255~ / exit 127~", "no-bind differs: exit 255~ / exit 125~", "no-directory differs: exit 255~ / exit 125~"]));
    }

    [Test]
    public async Task A_login_opens_a_private_registry_and_is_nobody_elses(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        area.Variables["HOME"] = area.JobDirectory;
        string image = $"docker://{Testbed.GuardedRepository}:gzip";
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            $"PATH={HookBed.Bin}:$PATH; apptainer exec {image} true 2>/dev/null; echo $?; echo '{Testbed.Password}' | apptainer remote login -u {Testbed.User} --password-stdin docker://{Testbed.GuardedAddress}; "
            + $"apptainer exec {image} echo opened; stat -c %a .apptainer/docker-config.json; apptainer remote logout docker://{Testbed.GuardedAddress}; grep -c '{Testbed.GuardedAddress}' .apptainer/docker-config.json");
        Assert.That(outcome.Stdout, Does.Match("^(125|75)\nopened\n600\n0\n$"), outcome.ToString());
    }

    [Test]
    public async Task A_pulled_file_and_a_sandbox_run_and_an_image_can_be_inspected(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        string image = $"docker://{Testbed.Repository}:gzip";
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            $"PATH={HookBed.Bin}:$PATH; apptainer -q pull image.sif {image} && apptainer exec image.sif echo pulled; apptainer -q build --sandbox box {image} && touch box/mine && apptainer exec box ls /mine /data/kept; "
            + $"apptainer build box {image} 2>/dev/null; echo $?; apptainer inspect {image}; apptainer inspect --environment {image} | head -n 2; apptainer run {image} sh -c 'echo $TESTBED_ENTERED'; rm -rf box");
        Assert.That(
            outcome.Stdout,
            Is.EqualTo("pulled\n/data/kept\n/mine\n64\norg.example.testbed: 1\nexport PATH='/usr/local/bin:/bin'\nexport TESTBED_IMAGE='busybox'\nyes\n"),
            outcome.ToString());
    }
}
