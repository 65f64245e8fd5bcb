using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
internal sealed class LockTrustTests
{
    [TestCase(0x6969, "NFS")]
    [TestCase(0xFF534D42, "SMB")]
    [TestCase(0xFE534D42, "SMB")]
    [TestCase(0x517B, "SMB")]
    [TestCase(0x5346414F, "AFS")]
    [TestCase(0x6B414653, "AFS")]
    [TestCase(0xAAD7AAEA, "PanFS")]
    public void A_cache_where_locks_lie_is_refused(long type, string name)
    {
        GridWrapperException refusal = LockTrust.Refuse("/cache", type)!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refusal.Message, Does.Contain("/cache lies on " + name).And.Contain("--cache").And.Contain("cacheRoots"));
            Assert.That((refusal.Failure.Step, refusal.Failure.Blame, refusal.Failure.ExitCode), Is.EqualTo(("prepare-cache", Blame.Site, 75)));
        }
    }

    [TestCase(0xEF53, null)] // ext4
    [TestCase(0x58465342, null)] // xfs
    [TestCase(0x01021994, null)] // tmpfs
    [TestCase(0x794C7630, null)] // overlay
    [TestCase(0x65735546, null)] // FUSE: a container's own root may be that
    [TestCase(0x0BD00BD0, "Lustre")]
    [TestCase(0x47504653, "GPFS")]
    [TestCase(0x00C36400, "CephFS")]
    [TestCase(0x19830326, "BeeGFS")]
    public void Elsewhere_it_is_tried(long type, string? shared)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LockTrust.Refuse("/cache", type), Is.Null);
            Assert.That(LockTrust.Shared(type), Is.EqualTo(shared));
        }
    }

    [Test]
    public void A_lock_that_the_file_system_refuses_is_told_with_its_errno()
    {
        var refused = new LinuxException("flock", "/cache/store-1/locks/try", 38);

        GridWrapperException fault = CacheFault.NoLocks("/cache", "Lustre", refused);

        Assert.That((fault.Failure.Errno, fault.Failure.Step), Is.EqualTo(("ENOSYS", "prepare-cache")));
        Assert.That(fault.Message, Does.Contain("/cache lies on Lustre").And.Contain("flock"));
    }

    [Test]
    public void The_type_of_a_local_file_system_is_none_of_them()
    {
        FileSystemState state = FileSystemState.Of(Path.GetTempPath());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(LockTrust.Shared(state.Type), Is.Null);
            Assert.That(state.FreeBytes, Is.Positive);
            Assert.That(state.FreeInodes, Is.Positive);
        }
    }
}
