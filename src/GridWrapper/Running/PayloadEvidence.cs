using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>Looks into the job directory after a payload that ended badly. Only where its streams are ours to read: under a pilot they are the pilot's.</summary>
internal static class PayloadEvidence
{
    /// <summary>Of the end of each stream.</summary>
    private const int Characters = 32 * 1024;

    /// <summary>e_type of a core file.</summary>
    private const byte CoreType = 4;

    private static readonly RoomLog Log = new(nameof(PayloadEvidence));

    /// <summary>Null where nothing says more than the exit code.</summary>
    internal static PayloadSign? Of(RunResult run, string directory, string stdout, string stderr)
    {
        if (run.ExitCode == 0)
        {
            return null;
        }

        return PayloadSigns.Of(
            run,
            StdoutTail.Read(Path.Combine(directory, stdout), Characters) ?? "",
            StdoutTail.Read(Path.Combine(directory, stderr), Characters) ?? "",
            PayloadReport.Read(directory)?.ExitCode,
            Core(directory, run.StartedAt));
    }

    /// <summary>A core file of this payload directly in the job directory, where the kernel puts it by default.</summary>
    private static string? Core(string directory, DateTimeOffset since)
    {
        try
        {
            return Directory.EnumerateFiles(directory, "core*").Where(f => Path.GetFileName(f) is "core" || Path.GetFileName(f).StartsWith("core.", StringComparison.Ordinal))
                .Where(f => File.GetLastWriteTimeUtc(f) >= since.UtcDateTime.AddSeconds(-1) && IsCore(f)).Select(Path.GetFileName).FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("core files cannot be looked for: {Trouble}", FileTrouble.Describe(e));
            return null;
        }
    }

    private static bool IsCore(string path)
    {
        if (new FileInfo(path).LinkTarget is not null)
        {
            return false;
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] head = new byte[18];
        return file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.AsSpan(0, 4).SequenceEqual("\u007fELF"u8) && head[16] == CoreType;
    }
}
