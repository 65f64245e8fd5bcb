namespace GridWrapper.Sites;

/// <summary>The section "storage" of a profile.</summary>
internal static class StoragePolicyReader
{
    internal static StoragePolicy Read(ProfileSection section)
    {
        StoragePolicy otherwise = new();
        StoragePolicy policy = new()
        {
            StageIn = section.Texts("stageIn", otherwise.StageIn, StorageAddress.Fault),
            StageOut = section.Texts("stageOut", otherwise.StageOut, StorageAddress.Fault),
            Endpoints = section.Map("endpoints", EndpointName, StorageAddress.Fault),
            TrustedHosts = section.Texts("trustedHosts", otherwise.TrustedHosts, HostPattern),
            PlainHttp = section.Texts("plainHttp", otherwise.PlainHttp, HostPattern),
            Xrdcp = section.OptionalText("xrdcp", ProfileRules.AbsolutePath),
            Tries = section.Number("tries", otherwise.Tries, new NumberRange(1, 20)),
            PauseSeconds = section.Number("pauseSeconds", otherwise.PauseSeconds, new NumberRange(0, 600)),
            StallSeconds = section.Number("stallSeconds", otherwise.StallSeconds, new NumberRange(0.1, 3600)),
        };
        section.Finish();
        return policy;
    }

    private static string? EndpointName(string text) => text.Length > 0 && !text.AsSpan().ContainsAny(" ,\t\n") ? null : $"\"{text}\" is no name of an endpoint such as CERN-PROD_SCRATCHDISK";

    /// <summary>A host without port, or "*." before a domain of at least two parts.</summary>
    private static string? HostPattern(string text)
    {
        string host = text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text;
        bool good = Uri.CheckHostName(host) != UriHostNameType.Unknown && (host == text || host.Contains('.', StringComparison.Ordinal));
        return good ? null : $"\"{text}\" is neither a host (no port, no scheme) nor a domain such as *.example.org";
    }
}
