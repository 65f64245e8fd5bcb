using NLog;
using NLog.Config;
using NLog.Layouts;
using NLog.Targets;

namespace GridWrapper.Diagnostics;

/// <summary>Where log lines go: gridwrap.log in the job directory as JSON lines, and stderr for people from the chosen level on. Never stdout.</summary>
internal static class Logging
{
    internal const string FileName = "gridwrap.log";

    private static Audience _stderr = Audience.Error;
    private static volatile Audience _lowest = Audience.Error;
    private static volatile bool _configured;

    /// <summary>Whether a line of this level goes anywhere.</summary>
    internal static bool Hears(Audience level) => level >= _lowest;

    /// <summary>Without any settings errors go to stderr.</summary>
    internal static ILogger Open(string room)
    {
        if (!_configured)
        {
            Apply(null);
        }

        return LogManager.GetLogger(room);
    }

    /// <summary>--quiet, --log-level, GRIDWRAP_LOG in this order; null for errors only: then the logging library is not even loaded before there is something to say.</summary>
    internal static string? Wanted(string? level, bool quiet)
    {
        string? wanted = quiet ? null : level ?? Environment.GetEnvironmentVariable("GRIDWRAP_LOG");
        return string.IsNullOrEmpty(wanted) ? null : wanted;
    }

    /// <summary>Lines from this level on go to stderr. Without it only errors do: a pilot classifies by what stands there.</summary>
    /// <exception cref="GridWrapperException">Not a level.</exception>
    internal static void ToStderr(string wanted)
    {
        _stderr = wanted.ToLowerInvariant() switch
        {
            "trace" => Audience.Trace,
            "debug" => Audience.Debug,
            "info" => Audience.Info,
            "warn" => Audience.Warn,
            "error" => Audience.Error,
            _ => throw GridWrapperException.BadCommandLine($"--log-level {wanted}: expected one of trace, debug, info, warn, error"),
        };
        Apply(null);
    }

    /// <summary>Adds the job's log file. It is written on events only: a file touched periodically would blind the pilot's search for stuck jobs.</summary>
    internal static void ToJobDirectory(string directory) => Apply(Path.Combine(directory, FileName));

    private static void Apply(string? file)
    {
        LoggingConfiguration configuration = new();
        ConsoleTarget stderr = new("stderr") { StdErr = true, Layout = "gridwrap: ${level:lowercase=true}: ${message}" };
        configuration.AddRule(LogLevel.FromOrdinal((int)_stderr), LogLevel.Fatal, stderr);
        if (file is not null)
        {
            JsonLayout line = new()
            {
                Attributes =
                {
                    new JsonAttribute("time", "${date:universalTime=true:format=yyyy-MM-ddTHH\\:mm\\:ss.fffZ}"),
                    new JsonAttribute("level", "${level:lowercase=true}"),
                    new JsonAttribute("room", "${logger:shortName=true}"),
                    new JsonAttribute("message", "${message}"),
                },
            };
            configuration.AddRule(LogLevel.Info, LogLevel.Fatal, new FileTarget("file") { FileName = file, Layout = line, KeepFileOpen = false });
        }

        Take(configuration, file is null || _stderr < Audience.Info ? _stderr : Audience.Info);
    }

    /// <summary>Listens as is wanted, from the given level on.</summary>
    internal static void Take(LoggingConfiguration configuration, Audience lowest)
    {
        LogManager.Configuration = configuration;
        _lowest = lowest;
        _configured = true;
    }
}
