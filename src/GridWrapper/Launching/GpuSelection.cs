namespace GridWrapper.Launching;

/// <summary>What the batch system says of GPUs. Pure.</summary>
internal static class GpuSelection
{
    /// <summary>Variables that select GPUs, of every vendor: a payload must get them, whatever else of its caller's environment it does not.</summary>
    internal static bool IsVariable(string name) =>
        name is "CUDA_VISIBLE_DEVICES" or "CUDA_DEVICE_ORDER" or "CUDA_MPS_PIPE_DIRECTORY" or "GPU_DEVICE_ORDINAL" or "ROCR_VISIBLE_DEVICES" or "HIP_VISIBLE_DEVICES" or "ZE_AFFINITY_MASK"
        || name.StartsWith("NVIDIA_", StringComparison.Ordinal);
}
