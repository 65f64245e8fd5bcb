using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

/// <summary>The User of an image's configuration in the image's own passwd and group.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class UserLookupTests
{
    private const string Passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n1234:x:7:8::/seven:/bin/sh\nbroken\nnoid:x:abc:1::/:\n";
    private const string Group = "root:x:0:\nstaff:x:50:app\n";

    [TestCase("", 0L, 0L, "/root")]
    [TestCase("root", 0L, 0L, "/root")]
    [TestCase("app", 1000L, 1001L, "/home/app")]
    [TestCase("1000", 1000L, 1001L, "/home/app")]
    [TestCase("app:staff", 1000L, 50L, "/home/app")]
    [TestCase("1000:50", 1000L, 50L, "/home/app")]
    [TestCase("4711", 4711L, 0L, "")]
    [TestCase("4711:99", 4711L, 99L, "")]
    [TestCase("1234", 7L, 8L, "/seven")]
    [TestCase("ghost", null, null, "")]
    [TestCase("app:ghost", 1000L, null, "/home/app")]
    [TestCase(":staff", 0L, 50L, "/root")]
    [TestCase("noid", null, 1L, "/")]
    public void User(string asked, long? uid, long? gid, string home)
    {
        ImageUser user = UserLookup.Resolve(asked, Passwd, Group);
        Assert.That((user.Uid, user.Gid, user.Home), Is.EqualTo((uid, gid, home)));
    }

    [Test]
    public void An_image_without_passwd() => Assert.That(UserLookup.Resolve("5:6", "", ""), Is.EqualTo(new ImageUser("5:6", 5, 6, "", false)));
}
