using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;
using GridWrapper.Tests.Registries;

namespace GridWrapper.Tests.Strategies;

[Parallelizable(ParallelScope.All)]
internal sealed class DirectoryStrategyTests
{
    [Test]
    public async Task A_directory_is_used_in_place()
    {
        PlanInput input = Input(new Fact<PathImage>.Known(new PathImage("/image", "directory", OnCvmfs: false)));

        Rootfs rootfs = await new DirectoryStrategy().MaterialiseAsync(input, RootfsForm.Stack, CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(((Verdict.Usable)new DirectoryStrategy().Judge(input, RootfsForm.Tree)).Cost, Is.EqualTo(Cost.Nothing));
            Assert.That(rootfs.LowerDirectories, Is.EqualTo(new[] { "/image" }));
            Assert.That(rootfs.UserXattr, Is.False);
        }
    }

    [Test]
    public void An_image_file_is_for_another_strategy() =>
        Assert.That(new DirectoryStrategy().Judge(Input(new Fact<PathImage>.Known(new PathImage("/image", "sif", OnCvmfs: false))), RootfsForm.Tree), Is.InstanceOf<Verdict.Refused>().With.Property("NotApplicable").True);

    [Test]
    public void Absent_is_the_users_fault_and_unknown_the_sites()
    {
        var absent = (Verdict.Refused)new DirectoryStrategy().Judge(Input(new Fact<PathImage>.Absent("ENOENT")), RootfsForm.Tree);
        var unknown = (Verdict.Refused)new DirectoryStrategy().Judge(Input(new Fact<PathImage>.Unknown("no answer in 15 s")), RootfsForm.Tree);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((absent.Blame, absent.Retryable, absent.PilotErrorCode), Is.EqualTo((Blame.User, false, PilotError.ImageNotFound)));
            Assert.That((unknown.Blame, unknown.Retryable), Is.EqualTo((Blame.Site, true)));
            Assert.That(unknown.Reason, Does.Contain("no answer in 15 s"));
        }
    }

    private static PlanInput Input(Fact<PathImage> fact) => new()
    {
        Site = TestImage.Site,
        Host = new HostFacts { Node = TestImage.Node },
        Image = new ImageFacts { Reference = new ImageReference.AtPath("/image"), AtPath = fact },
        CacheDirectory = "/cache",
    };
}
