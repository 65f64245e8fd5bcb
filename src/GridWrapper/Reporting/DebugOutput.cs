using System.IO.Pipes;
using GridWrapper.Linux;
using GridWrapper.Outputs;

namespace GridWrapper.Reporting;

/// <summary>Does a <see cref="DebugCommand"/> and says what it printed: by the node's own programs, with an empty environment, in the job directory, within seconds.</summary>
internal sealed class DebugOutput(string jobDirectory)
{
    private const int SearchLimit = 20_000;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private static readonly string[] Places = ["/usr/bin/", "/bin/"];

    /// <summary>What the monitor shows; a refusal is told there too.</summary>
    internal async Task<string> OfAsync(DebugCommand command, CancellationToken ct)
    {
        string? path = null;
        if (command.File is { } asked && (path = Find(asked)) is null)
        {
            return $"{command.Program}: {asked}: there is no such file in the job directory";
        }

        string? program = Places.Select(p => p + command.Program).FirstOrDefault(File.Exists);
        return program is null
            ? $"{command.Program}: this node has no such program"
            : await RunAsync(program, [.. command.Options, .. path is null ? (string[])[] : ["--", Path.GetRelativePath(jobDirectory, path)]], ct);
    }

    /// <summary>The named file, or the first of that name below; never through a link and never one with credentials.</summary>
    private string? Find(string asked)
    {
        string exact = Path.GetFullPath(asked, jobDirectory);
        string? found = Exists(exact) ? exact
            : asked.Contains('/', StringComparison.Ordinal) ? null
            : Directory.EnumerateFiles(jobDirectory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true })
                .Take(SearchLimit).FirstOrDefault(f => Path.GetFileName(f) == asked);
        return found is null || JobDirectoryNames.Secret.Contains(Path.GetFileName(found)) || LeadsElsewhere(found) ? null : found;
    }

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);

    private bool LeadsElsewhere(string path)
    {
        for (string? at = path; at is not null && at.Length > jobDirectory.Length; at = Path.GetDirectoryName(at))
        {
            if (new FileInfo(at).LinkTarget is not null)
            {
                return true;
            }
        }

        return false;
    }

    private async Task<string> RunAsync(string program, ImmutableArray<string> arguments, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Deadline);
        using AnonymousPipeServerStream output = new(PipeDirection.In);
        int pipe = (int)output.ClientSafePipeHandle.DangerousGetHandle();
        ChildProcess child;
        try
        {
            child = ChildProcess.Start(new ChildSpec
            {
                Program = program,
                Argv = [Path.GetFileName(program), .. arguments],
                Environment = ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "COLUMNS=200"],
                Descriptors = [(1, pipe), (2, pipe)],
                WorkingDirectory = jobDirectory,
            });
        }
        catch (LinuxException e)
        {
            return $"{Path.GetFileName(program)}: it cannot be started: {e.ErrnoName}";
        }

        output.DisposeLocalCopyOfClientHandle();
        StringBuilder text = new();
        try
        {
            using StreamReader reader = new(output, Encoding.UTF8);
            char[] buffer = new char[4096];
            for (int n; (n = await reader.ReadAsync(buffer, ct).AsTask().WaitAsync(deadline.Token)) > 0;)
            {
                _ = text.Append(buffer, 0, n);
                if (text.Length > 16 * UpdateFields.StdoutLimit)
                {
                    _ = text.Remove(0, text.Length - (8 * UpdateFields.StdoutLimit));
                }
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            _ = text.Append(CultureInfo.InvariantCulture, $"\n({Path.GetFileName(program)} did not end within {Deadline.TotalSeconds:0} s)");
        }
        finally
        {
            child.Signal(Libc.SIGKILL);
        }

        return text.ToString();
    }
}
