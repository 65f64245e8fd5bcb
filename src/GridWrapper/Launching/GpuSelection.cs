using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>Which of the node's GPUs the batch system has given away. Pure.</summary>
internal abstract record GpuSelection
{
    private GpuSelection()
    {
    }

    /// <summary>Whatever the node has.</summary>
    internal sealed record Everything : GpuSelection;

    /// <summary>None at all, and the variable that says so.</summary>
    internal sealed record Nothing(string Reason) : GpuSelection;

    /// <summary>These only.</summary>
    /// <param name="Names">Numbers by place on the bus, or UUIDs or their beginnings.</param>
    internal sealed record Only(ImmutableArray<string> Names) : GpuSelection;

    /// <summary>Variables that select GPUs, of every vendor: a payload must get them, whatever else of its caller's environment it does not.</summary>
    internal static bool IsVariable(string name) =>
        name is "CUDA_VISIBLE_DEVICES" or "CUDA_DEVICE_ORDER" or "CUDA_MPS_PIPE_DIRECTORY" or "GPU_DEVICE_ORDINAL" or "ROCR_VISIBLE_DEVICES" or "HIP_VISIBLE_DEVICES" or "ZE_AFFINITY_MASK"
        || name.StartsWith("NVIDIA_", StringComparison.Ordinal);

    /// <summary>
    /// CUDA_VISIBLE_DEVICES comes first. Where it holds numbers every node has to stay: CUDA counts among what it sees, in an order of its own, so that a hidden node would
    /// change what the numbers mean. UUIDs mean the same everywhere. "void" in NVIDIA_VISIBLE_DEVICES says nothing: a CDI container sets it against another runtime.
    /// </summary>
    internal static GpuSelection Of(IReadOnlyDictionary<string, string> environment)
    {
        if (environment.TryGetValue("CUDA_VISIBLE_DEVICES", out string? cuda))
        {
            ImmutableArray<string> names = Words(cuda);
            return names.IsEmpty || names[0] is "-1" or "NoDevFiles" or "none" or "void" ? new Nothing($"CUDA_VISIBLE_DEVICES is '{cuda}'")
                : names.All(n => n.StartsWith("GPU-", StringComparison.Ordinal)) ? new Only(names)
                : new Everything();
        }

        if (environment.TryGetValue("NVIDIA_VISIBLE_DEVICES", out string? nvidia))
        {
            ImmutableArray<string> names = Words(nvidia);
            return names is ["none"] ? new Nothing("NVIDIA_VISIBLE_DEVICES is 'none'")
                : names.IsEmpty || names.Any(n => n is "all" or "void" || n.Contains("MIG", StringComparison.Ordinal) || n.Contains(':', StringComparison.Ordinal)) ? new Everything()
                : new Only(names);
        }

        return new Everything();
    }

    /// <summary>The cards that are meant; null where a name fits none or several, so that nothing can be said.</summary>
    internal static ImmutableArray<GpuCard>? Cards(Only only, ImmutableArray<GpuCard> cards)
    {
        ImmutableArray<GpuCard>.Builder found = ImmutableArray.CreateBuilder<GpuCard>();
        foreach (string name in only.Names)
        {
            ImmutableArray<GpuCard> fitting = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? [.. cards.Where((_, i) => i == number)]
                : [.. cards.Where(c => c.Uuid.Length > 0 && c.Uuid.StartsWith(name, StringComparison.Ordinal))];
            if (fitting.Length != 1)
            {
                return null;
            }

            found.Add(fitting[0]);
        }

        return found.ToImmutable();
    }

    private static ImmutableArray<string> Words(string text) => [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
}
