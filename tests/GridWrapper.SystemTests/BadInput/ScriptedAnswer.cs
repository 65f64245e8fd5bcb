namespace GridWrapper.SystemTests.BadInput;

/// <summary>What the scripted registry says to one path.</summary>
internal sealed record ScriptedAnswer(int Status, string ContentType, byte[] Body)
{
    /// <summary>Header lines besides Content-Type and Content-Length.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>How much of the body is sent before the connection is closed; null for all.</summary>
    public int? CutAt { get; init; }

    internal static ScriptedAnswer Text(int status, string contentType, string body) => new(status, contentType, Encoding.UTF8.GetBytes(body));
}
