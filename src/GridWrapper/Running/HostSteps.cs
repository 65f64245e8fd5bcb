using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>
/// The steps of a multi-step job around its container: the transform that the job names is fetched and run on the node, in the job directory, as a pilot does it.
/// It prepares the script that the container runs, and moves the outputs to their names afterwards.
/// </summary>
/// <param name="settings">Directories and environment.</param>
/// <param name="fetcher">For transforms that are addresses.</param>
internal sealed class HostSteps(RunSettings settings, SandboxFetcher fetcher) : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);
    private static readonly RoomLog Log = new(nameof(HostSteps));

    private readonly List<string> _fetched = [];

    /// <summary>Where the step's own words go; null for this process's streams.</summary>
    internal SafeFileHandle? Output { get; init; }

    internal SafeFileHandle? Errors { get; init; }

    /// <exception cref="GridWrapperException">The transform cannot be had (1149, 1346), or fails (1356).</exception>
    internal Task PreprocessAsync(StepCommand step, CancellationToken ct) => RunAsync("preprocess", PilotError.PreprocessFailure, step, ct);

    /// <exception cref="GridWrapperException">As above, 1357.</exception>
    internal Task PostprocessAsync(StepCommand step, CancellationToken ct) => RunAsync("postprocess", PilotError.PostprocessFailure, step, ct);

    /// <summary>Removes the transforms that were brought here.</summary>
    public void Dispose() => _fetched.ForEach(File.Delete);

    private async Task RunAsync(string name, int pilotErrorCode, StepCommand step, CancellationToken ct)
    {
        ImmutableArray<string> words;
        try
        {
            words = ShellWords.Split(step.Args);
        }
        catch (FormatException e)
        {
            throw Bad(name, PilotError.UnrecognizedTrfArguments, $"the arguments of the job's {name} cannot be split into words: {e.Message}", null);
        }

        string program = await ProgramAsync(name, step.Command, ct);
        Log.Info("{Step}: {Program} with {Count} words", name, Path.GetFileName(program), words.Length);
        ChildExit exit = await WaitAsync(Start(name, program, words), ct);
        if (exit.Code != 0 || exit.Signal is not null)
        {
            string how = exit.Signal is { } signal ? $"died of signal {signal}" : $"exited with {exit.Code}";
            throw Bad(name, pilotErrorCode, $"the job's {name} ({step.Command}) {how}{OwnWords()}", null);
        }
    }

    /// <summary>In the job directory already, or handed down by Harvester, or fetched.</summary>
    private async Task<string> ProgramAsync(string name, string command, CancellationToken ct)
    {
        string file = command[(command.LastIndexOf('/') + 1)..];
        bool isUrl = Uri.TryCreate(command, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https";
        if (file.Length == 0 || file is "." or ".." || (!isUrl && command.Contains('/', StringComparison.Ordinal)))
        {
            throw Bad(name, PilotError.TransformNotFound, $"the job's {name} is '{Quoted.Clean(command)}', which names no transform", null);
        }

        string target = Path.Combine(settings.WorkDirectory, file);
        if (!File.Exists(target))
        {
            string? handed = settings.Environment.GetValueOrDefault(Staging.HarvesterFile.DirectoryVariable) is { Length: > 0 } harvester ? Path.Combine(harvester, file) : null;
            if (handed is not null && File.Exists(handed))
            {
                File.Copy(handed, target);
            }
            else if (isUrl)
            {
                await FetchAsync(name, url!, target, ct);
            }
            else
            {
                throw Bad(name, PilotError.TransformNotFound, $"the job's {name} '{Quoted.Clean(command)}' is neither an address nor a file of the job directory", null);
            }

            _fetched.Add(target);
        }

        File.SetUnixFileMode(target, File.GetUnixFileMode(target) | UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return target;
    }

    private async Task FetchAsync(string name, Uri url, string target, CancellationToken ct)
    {
        try
        {
            await fetcher.DownloadWithRetryAsync(url, target, ct);
        }
        catch (HttpRequestException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw Bad(name, PilotError.TransformNotFound, $"the transform {url} of the job's {name} does not exist (404)", Blame.User);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            throw Bad(name, PilotError.TransformDownloadFailure, $"fetching the transform {url} of the job's {name} failed {SandboxFetcher.Tries} times, last: {e.Message}", Blame.Server);
        }
    }

    private ChildProcess Start(string name, string program, ImmutableArray<string> words)
    {
        ChildSpec spec = new()
        {
            Program = program,
            Argv = [program, .. words],
            Environment = [.. settings.Environment.Where(static v => !LaunchComposer.IsSecret(v.Key)).Select(static v => $"{v.Key}={v.Value}")],
            Descriptors = [.. Output is null ? (ReadOnlySpan<(int, int)>)[] : [(1, (int)Output.DangerousGetHandle())], .. Errors is null ? (ReadOnlySpan<(int, int)>)[] : [(2, (int)Errors.DangerousGetHandle())]],
            NewProcessGroup = true,
            KillGroupAtExit = true,
            WorkingDirectory = settings.WorkDirectory,
        };
        try
        {
            return ChildProcess.Start(spec);
        }
        catch (LinuxException e) when (e.ErrnoName == "ENOEXEC")
        {
            return ChildProcess.Start(spec with { Program = "/bin/sh", Argv = ["/bin/sh", program, .. words] });
        }
        catch (LinuxException e)
        {
            throw Bad(name, PilotError.SetupFailure, $"the transform {program} of the job's {name} cannot be started: {e.ErrnoName}; its first line may name an interpreter that this node does not have", Blame.Site);
        }
    }

    private static async Task<ChildExit> WaitAsync(ChildProcess child, CancellationToken ct)
    {
        try
        {
            return await child.Exit.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            child.Signal(Libc.SIGTERM, group: true);
            _ = await Task.WhenAny(child.Exit, Task.Delay(Grace, CancellationToken.None));
            child.Signal(Libc.SIGKILL, group: true);
            throw;
        }
    }

    /// <summary>Transforms leave their reason in the pilot's error report.</summary>
    private string OwnWords()
    {
        try
        {
            string path = Path.Combine(settings.WorkDirectory, Reporting.PayloadErrorReport.FileName);
            return File.Exists(path) && (string?)JObject.Parse(File.ReadAllText(path))["error_diag"] is { Length: > 0 } words ? $"; it says: {words}" : "";
        }
        catch (Exception e) when (e is IOException or JsonException or ArgumentException or UnauthorizedAccessException)
        {
            Log.Debug("the transform's error report is no use: {Message}", e.Message);
            return "";
        }
    }

    private static GridWrapperException Bad(string name, int pilotErrorCode, string message, Blame? blame) => new(new Failure
    {
        Blame = blame ?? Blame.User,
        Phase = name == "preprocess" ? Phase.Job : Phase.Outputs,
        Step = name,
        PilotErrorCode = pilotErrorCode,
        Message = message,
        Retryable = blame is Blame.Server or Blame.Site,
    });
}
