namespace GridWrapper.Reporting;

/// <summary>The file form of a spool entry: the update's arguments under our own names. It holds no credentials, because updates hold none.</summary>
internal sealed class SpoolDocument
{
    public string? Server { get; set; }

    /// <summary>ISO 8601, UTC.</summary>
    public string? Written { get; set; }

    public JobUpdate? Update { get; set; }

    internal static SpoolDocument From(string server, DateTimeOffset written, JobUpdate update) => new()
    {
        Server = server,
        Written = written.ToString("O", CultureInfo.InvariantCulture),
        Update = update,
    };

    /// <exception cref="FormatException">A member is missing or wrong.</exception>
    internal SpooledUpdate ToEntry(string path) => Server is not null && Update is not null && Written is not null
        ? new SpooledUpdate(path, Server, DateTimeOffset.Parse(Written, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind), Update)
        : throw new FormatException("server, written or update is missing");
}
