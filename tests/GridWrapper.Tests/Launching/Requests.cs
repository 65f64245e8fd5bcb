using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Launching;

/// <summary>A launch request with everything that a launcher must be given; tests change what they are about.</summary>
internal static class Requests
{
    internal static readonly RuntimeFacts Apptainer = new("/usr/bin/apptainer", "apptainer", "1.4.5", "path", StepResult.Ok);

    internal static readonly RuntimeFacts OldSingularity = new("/usr/bin/singularity", "singularity", "3.8.7-1.el8", "path", StepResult.Ok);

    internal static LaunchRequest With(RuntimeFacts runtime) => new()
    {
        Rootfs = new Rootfs { Strategy = "cvmfs-flat", LowerDirectories = ["/cvmfs/unpacked.cern.ch/.flat/ab/abcd"], Config = Config },
        Plan = Plan(new Fact<ImmutableArray<RuntimeFacts>>.Known([runtime])),
        Command = ["/bin/sh", "-c", "echo $HOME"],
        JobDirectory = "/scratch/job",
        ScratchDirectory = "/cache/scratch/run-1",
    };

    internal static ImageConfig Config { get; } = new() { Platform = new Platform("linux", "amd64") };

    internal static PlanInput Plan(Fact<ImmutableArray<RuntimeFacts>> runtimes) => new()
    {
        Site = new SiteProfile { Name = "test" },
        Host = new HostFacts
        {
            Node = new NodeFacts
            {
                HostName = "node", OperatingSystem = "Debian", Kernel = "6.1", Architecture = "amd64", CpuLevel = "x86-64-v3", CpuModel = "cpu",
                Cores = 1, MemoryBytes = 1 << 30, Uid = 1000, Gid = 1000,
            },
            Runtimes = runtimes,
        },
        Image = new ImageFacts { Reference = new ImageReference.AtPath("/image") },
        CacheDirectory = "/cache",
    };
}
