using GridWrapper.Linux;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class MountInfoTests
{
    private const string Text =
        """
        23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        31 23 0:30 / /cvmfs rw,relatime shared:9 master:2 - autofs /etc/auto.cvmfs rw,fd=7,pgrp=1,indirect
        90 31 0:77 / /cvmfs/atlas.cern.ch ro,nosuid,nodev,relatime - fuse cvmfs2 ro,user_id=0,group_id=0,default_permissions,allow_other
        91 23 0:78 / /mnt/with\040blank\134and\011tab rw - tmpfs tmp\040fs rw
        92 23 0:79 / /data rw - nfs4 server:/data rw
        93 23 0:80 / /data/local rw - xfs /dev/sdb rw
        garbage line

        """;

    [Test]
    public void Mounts_are_read_with_their_escapes_and_optional_fields()
    {
        MountInfo info = MountInfo.Parse(Text);
        MountEntry cvmfs = info.At("/cvmfs/atlas.cern.ch")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.Mounts, Has.Length.EqualTo(6));
            Assert.That((cvmfs.FileSystem, cvmfs.Source, cvmfs.Options, cvmfs.IsFuse, cvmfs.IsLocal), Is.EqualTo(("fuse", "cvmfs2", "ro,nosuid,nodev,relatime", true, false)));
            Assert.That(info.At("/mnt/with blank\\and\ttab")!.Source, Is.EqualTo("tmp fs"));
        }
    }

    [TestCase("/etc", "ext4")]
    [TestCase("/cvmfs", "autofs")]
    [TestCase("/cvmfsx", "ext4")]
    [TestCase("/cvmfs/other", "autofs")]
    [TestCase("/cvmfs/atlas.cern.ch/x", "fuse")]
    [TestCase("/data/local/x", "xfs")]
    public void A_path_lies_on_the_longest_mount_above_it(string path, string fileSystem) =>
        Assert.That(MountInfo.Parse(Text).Covering(path)!.FileSystem, Is.EqualTo(fileSystem));

    [Test]
    public void A_way_that_leads_to_a_file_system_that_may_hang_is_not_gone()
    {
        using Scratch scratch = new();
        string link = Path.Combine(scratch.Path, "link");
        File.CreateSymbolicLink(link, "/cvmfs/atlas.cern.ch/repo");
        File.CreateSymbolicLink(Path.Combine(scratch.Path, "loop"), "loop");
        MountInfo mounts = MountInfo.Parse(Text);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LocalPath.Resolve(Path.Combine(link, "x"), mounts), Is.EqualTo(new LocalPath.Elsewhere("/cvmfs", "autofs")));
            Assert.That(LocalPath.Resolve("/data/../data/x", mounts), Is.EqualTo(new LocalPath.Elsewhere("/data", "nfs4")));
            Assert.That(LocalPath.Resolve(Path.Combine(scratch.Path, "none/x"), mounts), Is.EqualTo(new LocalPath.Missing(Path.Combine(scratch.Path, "none"), Errno.ENOENT)));
            Assert.That(LocalPath.Resolve(Path.Combine(scratch.Path, "loop"), mounts), Is.EqualTo(new LocalPath.Missing(Path.Combine(scratch.Path, "loop"), Errno.ELOOP)));
            Assert.That(LocalPath.Resolve(scratch.Path + "/./../" + Path.GetFileName(scratch.Path), mounts), Is.EqualTo(new LocalPath.Here(scratch.Path, "ext4")));
        }
    }
}
