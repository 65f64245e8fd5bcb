namespace GridWrapper.SelfTest;

/// <summary>One request as the loopback registry answered it.</summary>
internal sealed record RegistryRequest(string Method, string Path, int Status, long BytesSent);
