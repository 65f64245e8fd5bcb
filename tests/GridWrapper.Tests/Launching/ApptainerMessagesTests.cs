using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Tests.Launching;

/// <summary>Real messages, of Apptainer 1.4.5 where not said otherwise, and payloads that look alike.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ApptainerMessagesTests
{
    [TestCase(0, "FATAL:   \"x\": executable file not found in $PATH\n")]
    [TestCase(3, "FATAL:   whatever\n")]
    [TestCase(255, "")]
    [TestCase(255, "WARNING: group file doesn't exist in container, not updating\n")]
    [TestCase(255, "INFO:    ready\nworking…\nFATAL:   the payload's own\n")]
    [TestCase(255, "Traceback (most recent call last):\n")]
    [TestCase(255, "FATAL: one blank only\n")]
    [TestCase(1, "FATAL:   a database that ends with 1\n")]
    [TestCase(1, "ERROR: no such table\n")]
    [TestCase(1, "INFO:    Could not find any nv files on this host!\n")]
    [TestCase(137, "FATAL:   x\n")]
    public void AnythingElseIsThePayloads(int exitCode, string stderr) => Assert.That(ApptainerMessages.Read(exitCode, stderr), Is.InstanceOf<ApptainerEnd.Payload>());

    [TestCase("FATAL:   \"nosuch\": executable file not found in $PATH\n", 127, "ENOENT")]
    [TestCase("FATAL:   exec: \"nosuch\": executable file not found in $PATH\n", 127, "ENOENT")]
    [TestCase("FATAL:   stat /bin/nosuch: no such file or directory\n", 127, "ENOENT")]
    [TestCase("WARNING: group file doesn't exist in container, not updating\nFATAL:   stat /bin/nosuch: no such file or directory\n", 127, "ENOENT")]
    [TestCase("FATAL:   exec /job/script failed: fork/exec /job/script: no such file or directory\n", 127, "ENOENT")]
    [TestCase("FATAL:   exec /bin/x failed: a shared library is likely missing in the image\n", 127, "ENOENT")]
    [TestCase("FATAL:   permission denied\n", 126, "EACCES")]
    [TestCase("FATAL:   is a directory\n", 126, "EACCES")]
    [TestCase("FATAL:   exec /bin/x failed: permission denied\n", 126, "EACCES")]
    [TestCase("FATAL:   exec /bin/x failed: fork/exec /bin/x: argument list too long\n", 126, "E2BIG")]
    [TestCase("FATAL:   image targets 'arm64', cannot run on 'amd64'\n", 126, "ENOEXEC")]
    public void AProgramThatCannotBeExecutedIsAResult(string stderr, int exitCode, string errno) =>
        Assert.That(ApptainerMessages.Read(255, stderr), Is.EqualTo(new ApptainerEnd.NotExecuted(exitCode, errno)));

    [Provokes(
        PilotError.UserNamespaceFailed, PilotError.NewUserNamespace, PilotError.NoLoopDevices, PilotError.ContainerResourceUnavailable, PilotError.ContainerBindFailure,
        PilotError.ContainerImageMountFailure, PilotError.ContainerGeneralFailure)]
    [TestCase(1, "ERROR  : Failed invoking the NEWUSER namespace runtime: Invalid argument\nABORT  : Retval = 255\n", 1340, "create-user-namespace", "EINVAL")]
    [TestCase(255, "FATAL:   container creation failed: mount /x.sif->/rootfs error: while mounting image /x.sif: failed to find loop device: no loop devices available\n", 1307, "loop-device", null)]
    [TestCase(255, "FATAL:   No more available loop devices, try increasing 'max loop devices' in apptainer.conf\n", 1307, "loop-device", null)]
    [TestCase(255, "FATAL:   while executing starter: fork/exec /usr/libexec/apptainer/bin/starter: resource temporarily unavailable\n", 1348, "resources", "EAGAIN")]
    [TestCase(1, "INFO   : A system administrator may need to enable user namespaces, install\nINFO   :   apptainer-suid, or compile with ./mconfig --with-suid\n\e[91mERROR  : Failed to create user namespace: not allowed to create user namespace\n\e[0m",
        1345, "create-user-namespace", null)]
    [TestCase(255, "FATAL:   container creation failed: while creating user namespace: operation not permitted\n", 1345, "create-user-namespace", "EPERM")]
    [TestCase(255, "WARNING: skipping mount of /nosrc: stat /nosrc: no such file or directory\nFATAL:   container creation failed: mount hook function failure: mount /nosrc->/x error: while mounting /nosrc: mount source /nosrc doesn't exist\n",
        1308, "bind", "ENOENT")]
    [TestCase(255, "FATAL:   container creation failed: mount hook function failure: mount /a->/etc/passwd error: while mounting /a: could not mount /a: not a directory\n", 1308, "bind", "ENOTDIR")]
    [TestCase(255, "INFO:    Cleanup error: while unmounting\nFATAL:   container creation failed: unable to add /a to mount list: destination must be an absolute path\n", 1308, "bind", null)]
    [TestCase(255, "FATAL:   While checking container encryption: could not open image /x: failed to retrieve path for /x: lstat /x: no such file or directory\n", 1309, "open-tree", "ENOENT")]
    [TestCase(255, "FATAL:   While checking container encryption: could not open image /x.tar: image format not recognized\n", 1309, "open-tree", null)]
    [TestCase(255, "FATAL:   container creation failed: mount /proc/self/fd/3->/var/singularity/mnt/session/rootfs error: while mounting image /proc/self/fd/3: squashfs filesystem seems not enabled\n", 1309, "open-tree", null)]
    [TestCase(1, "Error for command \"exec\": unknown flag: --nosuchoption\n\nOptions for exec command:\n\n      --add-caps string   a list\n", 1306, "options", null)]
    [TestCase(255, "FATAL:   container creation failed: while setting hostname: invalid argument\n", 1306, "start", "EINVAL")]
    [TestCase(255, "FATAL:   something that nobody has seen\n", 1306, "start", null)]
    [TestCase(255, "FATAL:   while extracting /x: root filesystem extraction failed: extract command failed: ERROR  : Failed to create user namespace: user namespace disabled\n: exit status 1\n", 1345, "create-user-namespace", null)]
    public void FailuresBeforeThePayloadAreNamed(int exitCode, string stderr, int pilotErrorCode, string step, string? errno)
    {
        ApptainerEnd.Failed? failed = ApptainerMessages.Read(exitCode, stderr) as ApptainerEnd.Failed;
        Assert.That((failed?.PilotErrorCode, failed?.Step, failed?.Errno, failed?.Blame), Is.EqualTo((pilotErrorCode, step, errno, Blame.Site)));
    }

    [Test]
    public void ADirectoryThatIsNotThereIsTheUsers()
    {
        ApptainerEnd.Failed? failed = ApptainerMessages.Read(255, "FATAL:   failed to set working directory: chdir /nowhere: no such file or directory\n") as ApptainerEnd.Failed;
        Assert.That((failed?.PilotErrorCode, failed?.Step, failed?.Errno, failed?.Blame), Is.EqualTo((1305, "initial-directory", "ENOENT", Blame.User)));
    }
}
