using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>A job's payload as a launch: the shell text with its inputs filled in, the transform's directories and variables.</summary>
internal sealed class JobPayload(RunSettings settings, JobRequest job)
{
    private readonly JobInputs _inputs = new(settings, job);
    private readonly ExecArguments _options = ExecArguments.Read(job.ExecArgs);

    /// <summary>The kernel takes 128 kB in one argument.</summary>
    private const int TextLimitBytes = 120 * 1024;

    /// <summary>What a payload needs of a proxy at the least.</summary>
    private static readonly TimeSpan ProxyLife = TimeSpan.FromMinutes(10);

    private const string ProxyName = "user_proxy";
    private const string CertificatesInside = "/var/etc/grid-security/certificates";

    /// <summary>Inputs that the job names and that are neither addresses nor on this node.</summary>
    internal ImmutableArray<string> MissingInputs => _inputs.Missing;

    /// <summary>Runtime options of the job that are not done.</summary>
    internal ImmutableArray<string> IgnoredOptions => _options.Ignored;

    /// <summary>The argv that will run inside. The job's number stands in it because memory monitors find the payload by searching the process table for it.</summary>
    internal ImmutableArray<string> Command()
    {
        string text = PayloadText.Expand(job.Exec, job, _inputs.Seen);
        string script = job.PandaId is { } id ? string.Create(CultureInfo.InvariantCulture, $"export PandaID={id};{text}") : text;
        return Encoding.UTF8.GetByteCount(script) <= TextLimitBytes
            ? ["/bin/sh", "-c", script]
            : throw GridWrapperException.BadInput("payload-text", $"the payload text (-p) is longer than {TextLimitBytes} bytes: put it into a script in the sandbox");
    }

    internal LaunchRequest Compose(PlanInput input, Rootfs rootfs, string scratch)
    {
        LaunchRequest request = LaunchComposer.WithVariables(LaunchComposer.Compose(settings, input, rootfs, scratch), settings, [.. Variables()]);
        return request with
        {
            CvmfsRoot = _options.NoCvmfs ? null : request.CvmfsRoot ?? WantedCvmfs(input),
            Command = Command(),
            DataDirectory = job.DataDirectory,
            InitialDirectory = settings.InitialDirectory ?? job.WorkDirectory,
            Binds =
            [
                .. request.Binds, .. _inputs.Binds,
                .. GivesProxy && settings.Environment.GetValueOrDefault("X509_CERT_DIR") is { Length: > 0 } certificates
                    ? (BindMount[])[new BindMount(certificates, CertificatesInside, ReadOnly: true, Optional: true)]
                    : [],
            ],
        };
    }

    /// <summary>`--cvmfs`, or an input on CVMFS: shown although the profile does not show it to every payload.</summary>
    private string? WantedCvmfs(PlanInput input) =>
        (job.WantsCvmfs || _inputs.NeedCvmfs) && LaunchComposer.IsThere(input.Host) ? settings.Site.Cvmfs.Root : null;

    /// <summary>Files that the payload needs beside its sandbox: lists of inputs, and the proxy where the profile gives it.</summary>
    internal void PrepareFiles()
    {
        foreach (InputStreamFile list in job.WriteInputToTxt)
        {
            string path = Path.Combine(settings.WorkDirectory, list.File);
            _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, PayloadText.JoinStream(list.Stream, job, _inputs.Seen));
        }

        try
        {
            _inputs.Link();
            if (GivesProxy)
            {
                CopyProxy();
            }
        }
        catch
        {
            TakeAway();
            throw;
        }
    }

    /// <summary>The copy of the proxy, and links out of the job directory, must not stay where the log tarball is made from.</summary>
    internal void TakeAway()
    {
        _inputs.Unlink();
        if (GivesProxy)
        {
            File.Delete(Path.Combine(settings.WorkDirectory, ProxyName));
        }
    }

    private bool GivesProxy => settings.Site.Environment.GiveProxy && !job.NoX509;

    private IEnumerable<KeyValuePair<string, string>> Variables()
    {
        foreach ((string name, long? value) in (IEnumerable<(string, long?)>)[("PandaID", job.PandaId), ("PanDA_TaskID", job.TaskId), ("PanDA_AttemptNr", job.Attempt)])
        {
            if (value is { } number)
            {
                yield return new(name, number.ToString(CultureInfo.InvariantCulture));
            }
        }

        string cores = settings.Environment.GetValueOrDefault("ATHENA_PROC_NUMBER") ?? job.CoreCount.ToString(CultureInfo.InvariantCulture);
        yield return new("ATHENA_CORE_NUMBER", cores);
        foreach (KeyValuePair<string, string> variable in _options.Environment)
        {
            yield return variable;
        }

        if (GivesProxy)
        {
            yield return new("X509_USER_PROXY", $"{job.DataDirectory.TrimEnd('/')}/{ProxyName}");
            yield return new("X509_CERT_DIR", CertificatesInside);
        }
    }

    /// <summary>The clock by which proxies end.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    private string ProxySource => settings.Environment.GetValueOrDefault("X509_USER_PROXY") ?? string.Create(CultureInfo.InvariantCulture, $"/tmp/x509up_u{Linux.Libc.GetUid()}");

    /// <exception cref="GridWrapperException">It is over, or so near its end that the payload could do nothing with it.</exception>
    private void DemandLife()
    {
        DateTimeOffset now = Time.GetUtcNow();
        if (Reporting.ProxyCertificate.EndOf(ProxySource) is { } end && end < now + ProxyLife)
        {
            throw new GridWrapperException(new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Job,
                Step = "copy-proxy",
                PilotErrorCode = end <= now ? PilotError.CertificateHasExpired : PilotError.VomsProxyAboutToExpire,
                Message = string.Create(CultureInfo.InvariantCulture, $"the site profile gives payloads the X.509 proxy, but {ProxySource} {(end <= now ? "ended" : "is about to end,")} at {end.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: renew it, or run the job with --noX509"),
                Retryable = true,
                ExitCode = ExitCodes.TryElsewhere,
            });
        }
    }

    private void CopyProxy()
    {
        DemandLife();
        string target = Path.Combine(settings.WorkDirectory, ProxyName);
        try
        {
            byte[] proxy = File.ReadAllBytes(ProxySource);
            File.Delete(target);
            using FileStream copy = new(target, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            copy.Write(proxy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new GridWrapperException(
                new Failure
                {
                    Blame = Blame.Site,
                    Phase = Phase.Job,
                    Step = "copy-proxy",
                    PilotErrorCode = PilotError.NoProxy,
                    Message = $"the site profile gives payloads the X.509 proxy, but it cannot be copied: {e.Message}. Set X509_USER_PROXY, or run the job with --noX509",
                    Retryable = true,
                    ExitCode = ExitCodes.TryElsewhere,
                },
                e);
        }
    }
}
