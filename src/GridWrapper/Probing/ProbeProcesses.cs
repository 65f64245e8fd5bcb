using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Starts one disposable process per question, reads its answer with deadlines, and ends it: SIGTERM, a second, SIGKILL, a fifth of a second, then it is left
/// behind and reported. A process that waits for an unanswered FUSE request cannot be killed, and its parent must not wait for it.
/// </summary>
internal sealed class ProbeProcesses(ProbeProgram program, TimeProvider time) : IProbeChildren
{
    private static readonly RoomLog Log = new(nameof(ProbeProcesses));

    private static readonly TimeSpan TermGrace = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan KillGrace = TimeSpan.FromMilliseconds(200);

    public async Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct)
    {
        long start = time.GetTimestamp();
        ProbeReader? reader = null;
        ChildProcess child;
        try
        {
            (child, reader) = Start(question);
        }
        catch (LinuxException e)
        {
            return new ProbeReply { End = ProbeEnd.Failed, Trouble = $"the probe child could not be started: {e.Message}" };
        }

        using (reader)
        {
            bool inTime = await Task.Factory.StartNew(
                () => reader.ReadAll(question, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            bool ended = await EndAsync(child, hurry: !inTime);
            ct.ThrowIfCancellationRequested();
            ProbeReply reply = Reply(question, reader, inTime, ended ? null : child.Pid);
            if (reply.End != ProbeEnd.Answered)
            {
                Log.Warn("Probe {Kind} {Arguments} did not answer: {Trouble}", question.Kind, string.Join(' ', question.Arguments.Take(2)), reply.Trouble);
            }

            return reply with { Seconds = time.GetElapsedTime(start).TotalSeconds };
        }
    }

    private unsafe (ChildProcess Child, ProbeReader Reader) Start(ProbeQuestion question)
    {
        int* pipe = stackalloc int[2];
        if (Libc.Pipe2(pipe, Libc.O_CLOEXEC) != 0)
        {
            throw new LinuxException("pipe2", "probe answer", Errno.Last);
        }

        int nothing = -1;
        try
        {
            int error = Touch.Open(Libc.AT_FDCWD, "/dev/null", Libc.O_RDWR, out nothing);
            if (error != 0)
            {
                throw new LinuxException("open", "/dev/null", error);
            }

            ChildProcess child = ChildProcess.Start(new ChildSpec
            {
                Program = program.Path,
                Argv = ["gridwrap", .. program.LeadingArguments, ProbeMain.CommandName, question.Kind, .. question.Arguments],
                Environment = ProbeProgram.ChildEnvironment,
                Descriptors = [(0, nothing), (1, nothing), (2, nothing), (ProbeMain.AnswerDescriptor, pipe[1])],
                NewProcessGroup = true,
            });
            return (child, new ProbeReader(pipe[0], time));
        }
        catch
        {
            Touch.Close(pipe[0]);
            throw;
        }
        finally
        {
            Touch.Close(pipe[1]);
            Touch.Close(nothing);
        }
    }

    /// <summary>False if the child could not be ended.</summary>
    private async Task<bool> EndAsync(ChildProcess child, bool hurry)
    {
        if (!hurry && await EndsWithinAsync(child, TermGrace))
        {
            return true;
        }

        child.Signal(Libc.SIGTERM, group: true);
        if (await EndsWithinAsync(child, TermGrace))
        {
            return true;
        }

        child.Signal(Libc.SIGKILL, group: true);
        return await EndsWithinAsync(child, KillGrace);
    }

    private async Task<bool> EndsWithinAsync(ChildProcess child, TimeSpan limit) =>
        await Task.WhenAny(child.Exit, Task.Delay(limit, time, CancellationToken.None)) == child.Exit;

    private static ProbeReply Reply(ProbeQuestion question, ProbeReader reader, bool inTime, int? leaked)
    {
        bool complete = reader.Values.ContainsKey(ProbeOutput.EndKey);
        ProbeEnd end = complete ? ProbeEnd.Answered : leaked is not null ? ProbeEnd.Stuck : inTime ? ProbeEnd.Failed : ProbeEnd.TimedOut;
        double limit = ProbeReader.Allowance(question, reader.Step).TotalSeconds;
        string left = leaked is { } pid ? string.Create(CultureInfo.InvariantCulture, $"; process {pid} could not be ended and was left behind") : "";
        return new ProbeReply
        {
            End = end,
            Values = reader.Values.ToImmutableDictionary(StringComparer.Ordinal),
            Step = reader.Step,
            LeakedPid = leaked,
            Trouble = end switch
            {
                ProbeEnd.Answered => "",
                ProbeEnd.Failed => $"the probe child ended at step '{reader.Step}' without an answer{left}",
                _ => string.Create(CultureInfo.InvariantCulture, $"no answer at step '{reader.Step}' within {limit:0.###} s{left}"),
            },
        };
    }
}
