using NLog;

namespace GridWrapper.Diagnostics;

/// <summary>The log of one class. NLog, but loaded only when there is somebody to hear: a line that nobody wants costs a comparison.</summary>
/// <param name="room">The class's name, as it stands in gridwrap.log.</param>
internal sealed class RoomLog(string room)
{
    private ILogger? _logger;

    internal void Trace(string template, params object?[] values) => Write(Audience.Trace, template, values);

    internal void Debug(string template, params object?[] values) => Write(Audience.Debug, template, values);

    internal void Info(string template, params object?[] values) => Write(Audience.Info, template, values);

    internal void Warn(string template, params object?[] values) => Write(Audience.Warn, template, values);

    internal void Warn(Exception e, string template, params object?[] values)
    {
        if (Logging.Hears(Audience.Warn))
        {
            Logger.Warn(e, template, values);
        }
    }

    internal void Error(string template, params object?[] values) => Write(Audience.Error, template, values);

    private ILogger Logger => _logger ??= Logging.Open(room);

    private void Write(Audience level, string template, object?[] values)
    {
        if (Logging.Hears(level))
        {
            Logger.Log(LogLevel.FromOrdinal((int)level), template, values);
        }
    }
}

/// <summary>Levels with NLog's numbers.</summary>
internal enum Audience
{
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}
