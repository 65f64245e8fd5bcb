using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Running;

/// <summary>
/// Whether a TERM means that the node is being taken away: as the PanDA pilot has it for jobs of Kubernetes, and by the shutdown times of the machine/job features, which say
/// when the machine or the slot goes.
/// </summary>
internal static class Preemption
{
    /// <summary>A node that goes within this time ends its jobs because it goes.</summary>
    private static readonly TimeSpan Horizon = TimeSpan.FromMinutes(30);

    private static readonly RoomLog Log = new(nameof(Preemption));

    internal static bool IsMeantBy(int? signal, IReadOnlyDictionary<string, string> environment, DateTimeOffset now) => signal == Libc.SIGTERM
        && (environment.GetValueOrDefault("K8S_JOB_ID") is { Length: > 0 }
            || Goes(environment.GetValueOrDefault("MACHINEFEATURES"), "shutdowntime", now)
            || Goes(environment.GetValueOrDefault("JOBFEATURES"), "shutdowntime_job", now));

    /// <summary>Directories only; features behind an address are not asked for when there are seconds left.</summary>
    private static bool Goes(string? directory, string name, DateTimeOffset now)
    {
        if (directory is not ['/', ..])
        {
            return false;
        }

        try
        {
            string path = Path.Combine(directory, name);
            return File.Exists(path) && long.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
                && seconds - now.ToUnixTimeSeconds() <= Horizon.TotalSeconds;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("{Name} of {Directory} is not known: {Trouble}", name, directory, FileTrouble.Describe(e));
            return false;
        }
    }
}
