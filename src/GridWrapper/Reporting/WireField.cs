namespace GridWrapper.Reporting;

/// <summary>One argument of a server call under both of its names.</summary>
/// <param name="Name">Name in the v1 API.</param>
/// <param name="Legacy">Name in the API that v1 replaced; null where that one has no such argument.</param>
/// <param name="Value">A string, a long or a double: the JSON type is checked by the server, so an integer must stay one.</param>
internal readonly record struct WireField(string Name, string? Legacy, object Value);
