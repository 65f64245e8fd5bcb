using System.Numerics;
using GridWrapper.Linux;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>Finds out what a program of an image needs: here where the whole image lies on local file systems, else by a disposable child.</summary>
internal sealed class ProgramProbe(IProbeChildren children)
{
    private const long Amd64 = 0x3e;
    private const long Arm64 = 0xb7;
    private const long Ppc64 = 21;
    private const long RiscV = 243;

    internal async Task<Fact<ProgramNeeds>> FindAsync(ProgramQuestion question, CvmfsPolicy policy, CancellationToken ct)
    {
        if (question.Tree is not null || LocalPath.AreLocal(question.Layers))
        {
            ProbeOutput.ToDictionary output = new();
            ProgramCheck.Run(question, output);
            return Judge(key => output.Values.GetValueOrDefault(key, ""), question);
        }

        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Program,
                Arguments = question.ToWords(),
                FirstDeadline = TimeSpan.FromSeconds(policy.StepSeconds),
                StepDeadline = TimeSpan.FromSeconds(policy.StepSeconds),
                Repository = CvmfsPath.RepositoryDirectory(policy.Root, question.Layers.AsSpan()),
            },
            ct);
        return reply.End == ProbeEnd.Answered ? Judge(key => reply[key], question) : new Fact<ProgramNeeds>.Unknown(reply.Trouble);
    }

    private static Fact<ProgramNeeds> Judge(Func<string, string> said, ProgramQuestion question)
    {
        if (said("open.errno") is { Length: > 0 } errno)
        {
            return new Fact<ProgramNeeds>.Unknown($"the tree cannot be opened: {errno}");
        }

        string program = said(ProgramCheck.ProgramKey);
        return new Fact<ProgramNeeds>.Known(new ProgramNeeds
        {
            Program = program.Length > 0 ? program : null,
            Architecture = said(ProgramCheck.MachineKey) is { Length: > 0 } machine ? Architecture(long.Parse(machine, CultureInfo.InvariantCulture)) : "",
            CpuLevel = uint.TryParse(said(ProgramCheck.LevelKey), NumberStyles.None, CultureInfo.InvariantCulture, out uint levels) && levels != 0 ? BitOperations.Log2(levels) + 1 : 1,
            Loader = said(ProgramCheck.LoaderKey),
            LoaderMissing = said(ProgramCheck.LoaderErrnoKey) == Errno.Name(Errno.ENOENT),
            Script = said(ProgramCheck.ScriptKey),
            Interpreter = said(ProgramCheck.InterpreterKey),
            InterpreterMissing = said(ProgramCheck.InterpreterErrnoKey) == Errno.Name(Errno.ENOENT),
            Unreadable = said(ProgramCheck.UnreadableErrnoKey) is "EACCES" or "EPERM" ? said(ProgramCheck.UnreadableKey) : null,
            Expectations = [.. Expectations(said)],
            MountPoints = MountPoints(said, question.MountPoints),
        });
    }

    private static ImmutableSortedDictionary<string, string> MountPoints(Func<string, string> said, ImmutableArray<string> places)
    {
        ImmutableSortedDictionary<string, string>.Builder found = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string place in places)
        {
            if (said(RootCheck.MountPointPrefix + place) is { Length: > 0 } trouble)
            {
                found[place] = trouble;
            }
        }

        return found.ToImmutable();
    }

    private static IEnumerable<RootExpectation> Expectations(Func<string, string> said)
    {
        for (int i = 0; said(string.Create(CultureInfo.InvariantCulture, $"{RootCheck.ExpectationPrefix}{i}")).Split(' ', 2) is [var text, var path]; i++)
        {
            yield return new RootExpectation(path, text);
        }
    }

    private static string Architecture(long machine) => machine switch
    {
        Amd64 => "amd64",
        Arm64 => "arm64",
        Ppc64 => "ppc64le",
        RiscV => "riscv64",
        _ => string.Create(CultureInfo.InvariantCulture, $"ELF machine {machine}"),
    };
}
