namespace GridWrapper.Reporting;

/// <summary>One HTTP request to the server.</summary>
/// <param name="Path">Absolute path on the server.</param>
/// <param name="Body">Null for a GET.</param>
/// <param name="ContentType">Exactly what is sent as Content-Type.</param>
internal sealed record PandaCall(string Path, byte[]? Body, string ContentType)
{
    /// <summary>Query of a GET; a list repeats its key.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Query { get; init; } = [];
}

/// <summary>What came back. <see cref="Status"/> is 0 when no answer came; then <see cref="Text"/> says why.</summary>
/// <param name="Untrusted">The TLS handshake failed: trying again changes nothing.</param>
internal sealed record PandaReply(int Status, string Text, bool Untrusted = false);
