using GridWrapper.Commands;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Commands;

/// <summary>The script that sets up the release, before a container is opened through ATLASLocalRootBase.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class AlrbSetupTests
{
    [Test]
    [Provokes(PilotError.MissingReleaseUnpacked)]
    public void A_setup_that_nobody_wrote_is_named_before_anything_runs()
    {
        AlrbWords words = AlrbWords.Read(["-c", "/cvmfs/unpacked.cern.ch/x:1", "-s", "/srv/my_release_setup.sh", "-r", "/srv/container_script.sh"]);
        Failure failure = Assert.Throws<GridWrapperException>(() => AlrbFace.DemandSetup(words, "/nowhere/job"))!.Failure;
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.Step, failure.Retryable), Is.EqualTo((PilotError.MissingReleaseUnpacked, Blame.Site, "release-setup", true)));
        Assert.That(failure.Message, Does.Contain("/srv/my_release_setup.sh, which is /nowhere/job/my_release_setup.sh on this node"));
    }

    [TestCase("-s", "/release_setup.sh")]
    [TestCase("-e", "-c -i")]
    public void One_of_the_image_and_none_are_let_be(string option, string value) =>
        Assert.That(() => AlrbFace.DemandSetup(AlrbWords.Read(["-c", "/x/y", option, value, "-r", "/srv/s"]), "/nowhere/job"), Throws.Nothing);
}
