namespace GridWrapper.Probing;

/// <summary>A specification of the Container Device Interface: what has to be put into a container for a device (cncf-tags/container-device-interface, SPEC.md).</summary>
/// <param name="File">Where it was read.</param>
/// <param name="Kind">Such as nvidia.com/gpu.</param>
/// <param name="Common">For whichever device.</param>
internal sealed record CdiSpec(string File, string Kind, CdiEdits Common, ImmutableArray<CdiDevice> Devices);

/// <summary>One device by name: "0", "GPU-…", "all".</summary>
internal sealed record CdiDevice(string Name, CdiEdits Edits);

/// <summary>What is put into the container.</summary>
internal sealed record CdiEdits
{
    /// <summary>NAME=value.</summary>
    public ImmutableArray<string> Env { get; init; } = [];

    /// <summary>Host path and path inside.</summary>
    public ImmutableArray<(string Host, string Inside)> DeviceNodes { get; init; } = [];

    public ImmutableArray<CdiMount> Mounts { get; init; } = [];

    public ImmutableArray<CdiHook> Hooks { get; init; } = [];
}

/// <summary>A file or directory of the host.</summary>
internal sealed record CdiMount(string Host, string Inside, bool ReadOnly);

/// <summary>A program that a root container runtime would call; here its purpose is served in another way.</summary>
internal sealed record CdiHook(string Name, ImmutableArray<string> Arguments);
