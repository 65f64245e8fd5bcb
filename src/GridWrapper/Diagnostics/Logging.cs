using NLog;
using NLog.Config;
using NLog.Layouts;
using NLog.Targets;

namespace GridWrapper.Diagnostics;

/// <summary>Where log lines go: gridwrap.log in the job directory as JSON lines, and stderr for people from the chosen level on. Never stdout.</summary>
internal static class Logging
{
    internal const string FileName = "gridwrap.log";

    private static LogLevel? _stderr;

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
            "trace" => LogLevel.Trace,
            "debug" => LogLevel.Debug,
            "info" => LogLevel.Info,
            "warn" => LogLevel.Warn,
            "error" => LogLevel.Error,
            _ => throw GridWrapperException.BadInput("command-line", $"the command line is wrong: --log-level {wanted}: expected one of trace, debug, info, warn, error"),
        };
        Apply(null);
    }

    /// <summary>Adds the job's log file. It is written on events only: a file touched periodically would blind the pilot's search for stuck jobs.</summary>
    internal static void ToJobDirectory(string directory) => Apply(Path.Combine(directory, FileName));

    private static void Apply(string? file)
    {
        LoggingConfiguration configuration = new();
        ConsoleTarget stderr = new("stderr") { StdErr = true, Layout = "gridwrap: ${level:lowercase=true}: ${message}" };
        configuration.AddRule(_stderr ?? LogLevel.Error, LogLevel.Fatal, stderr);
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

        LogManager.Configuration = configuration;
    }
}
