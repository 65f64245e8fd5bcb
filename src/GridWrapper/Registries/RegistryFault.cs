using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;

namespace GridWrapper.Registries;

/// <summary>Failures of talking to a registry, with their blame. URLs appear without their query, which may hold signatures.</summary>
internal static class RegistryFault
{
    internal static string Redact(Uri uri) => uri.GetLeftPart(UriPartial.Path) + (uri.Query.Length > 0 ? "?…" : "");

    /// <summary>404: the reference is wrong, or the registry hides what is private.</summary>
    internal static GridWrapperException NotFound(RegistryRequest request, string detail)
    {
        GridWrapperException fault = request.Phase == Phase.Materialise
            ? Make(
                request,
                Blame.Registry,
                PilotError.ContainerGeneralFailure,
                $"{request.Endpoint.Host} names {request.What} in the manifest and does not have it (404{detail}); push the image again, or tell the registry's operators")
            : Make(
                request,
                Blame.User,
                PilotError.ImageNotFound,
                $"{request.What} does not exist at {request.Endpoint.Host} (404{detail}); check the name and tag. If the image is private, give credentials with --registry-config");
        return new GridWrapperException(fault.Failure, new HttpRequestException(null, null, HttpStatusCode.NotFound));
    }

    /// <summary>The server does not have what was asked for; its content and its word on others are as good as before.</summary>
    internal static bool IsNotFound(GridWrapperException fault) => fault.InnerException is HttpRequestException { StatusCode: HttpStatusCode.NotFound };

    internal static GridWrapperException Denied(RegistryRequest request, string status, string note) => Make(
        request,
        Blame.User,
        PilotError.ImageNotFound,
        $"{request.Endpoint.Host} refuses access to {request.What} ({status}); {note}. The image may not exist or may need credentials (--registry-config)");

    internal static GridWrapperException Unavailable(RegistryRequest request, TransientRegistryException last) => new(
        new Failure
        {
            Blame = last.AtProxy ? Blame.Site : Blame.Registry,
            Phase = request.Phase,
            Step = request.Step,
            PilotErrorCode = PilotError.ContainerGeneralFailure,
            Message = $"{request.What} could not be fetched from {request.Endpoint.Host} after several tries: {last.Message}; "
                + (last.AtProxy ? "see to the proxy, or name the registry in NO_PROXY if this node may reach it directly" : "try later, or see whether this node may reach the registry"),
            Retryable = true,
        },
        last);

    /// <summary>407: it did not even come to the registry.</summary>
    internal static GridWrapperException ProxyRefused(RegistryRequest request) => Make(
        request,
        Blame.Site,
        PilotError.ContainerGeneralFailure,
        $"the proxy between this node and {request.Endpoint.Host} wants a user name and a password, or others than it was given (407), before it fetches {request.What}; they stand in HTTP_PROXY and HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT");

    /// <summary>The registry answered, but not as registries do.</summary>
    internal static GridWrapperException Strange(RegistryRequest request, string what) =>
        Make(request, Blame.Registry, PilotError.ContainerGeneralFailure, $"{request.Endpoint.Host} was asked for {request.What}: {what}");

    internal static GridWrapperException WrongBytes(RegistryRequest request, string what) => new(new Failure
    {
        Blame = Blame.Registry,
        Phase = request.Phase,
        Step = "verify-digest",
        PilotErrorCode = PilotError.ContainerImageMountFailure,
        Message = $"{request.Endpoint.Host} served wrong bytes for {request.What}: {what}. Nothing of it was kept; tell the registry's operators, or those of a proxy in between",
        Retryable = true,
    });

    /// <summary>The transfer of a blob broke again and again, with nothing new in between.</summary>
    internal static GridWrapperException Broken(RegistryRequest request, int times, Exception last) => new(
        new Failure
        {
            Blame = Blame.Registry,
            Phase = request.Phase,
            Step = request.Step,
            PilotErrorCode = PilotError.ContainerGeneralFailure,
            Message = $"the transfer of {request.What} broke {times} times in a row, last: {last.Message}; the registry or the network in between is not well, try again later",
            Retryable = true,
        },
        last);

    internal static string Status(HttpStatusCode code) => string.Create(CultureInfo.InvariantCulture, $"{(int)code} {code}");

    private static GridWrapperException Make(RegistryRequest request, Blame blame, int pilotErrorCode, string message) => new(new Failure
    {
        Blame = blame,
        Phase = request.Phase,
        Step = request.Step,
        PilotErrorCode = pilotErrorCode,
        Message = message,
    });
}
