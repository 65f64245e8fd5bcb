using GridWrapper.Commands;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Commands;

/// <summary>Lines that open a container through ATLASLocalRootBase.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class AlrbWordsTests
{
    private const string Scripts = "-s /srv/my_release_setup.sh -r /srv/container_script.sh";

    [TestCase("-c docker://registry.example.org/a/b:1 -d " + Scripts)]
    [TestCase("-c /cvmfs/unpacked.cern.ch/a/b:1 " + Scripts)]
    [TestCase("--shell bash -c docker://registry.example.org/a/b:1 -d " + Scripts, Description = "as the plug-in 'generic' of PanDA's pilot writes it")]
    [TestCase("-c org/name:tag --nocvmfs --nohome " + Scripts)]
    [TestCase("--quiet -c org/name:tag " + Scripts)]
    public void A_line_for_an_image_is_taken(string line)
    {
        var read = AlrbWords.Read([.. line.Split(' ')]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.IsOurs);
            Assert.That((read.Setup, read.Run), Is.EqualTo(("/srv/my_release_setup.sh", "/srv/container_script.sh")));
            Assert.That(read.Reference, Does.StartWith("docker://").Or.StartWith("/cvmfs/"));
            Assert.That(read.NoCvmfs, Is.EqualTo(line.Contains("--nocvmfs", StringComparison.Ordinal)));
        }
    }

    [TestCase("--shell bash --quiet")]
    [TestCase("--shell")]
    [TestCase("-c el9 " + Scripts)]
    [TestCase("-c docker://registry.example.org/a/b:1")]
    [TestCase("-c docker://registry.example.org/a/b:1 --unknown " + Scripts)]
    [TestCase("asetup Athena,23.0.1")]
    public void All_others_are_not(string line)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(AlrbWords.TryRead([.. line.Split(' ')]), Is.Null.Or.Property(nameof(AlrbWords.IsOurs)).False);
            Assert.That(() => AlrbWords.Read([.. line.Split(' ')]), Throws.TypeOf<GridWrapperException>());
        }
    }
}
