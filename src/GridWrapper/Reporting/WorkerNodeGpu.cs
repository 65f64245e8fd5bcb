namespace GridWrapper.Reporting;

/// <summary>GPUs of one kind in a node.</summary>
internal sealed record WorkerNodeGpu(string Site, string HostName, string Vendor, string Model, int Count)
{
    /// <summary>"CUDA", "ROCm"; null where it is not known.</summary>
    public string? Framework { get; init; }

    public string? DriverVersion { get; init; }

    internal WireFields Fields()
    {
        WireFields fields = new();
        fields.Text("site", null, Site);
        fields.Text("host_name", null, HostName, 128);
        fields.Text("vendor", null, Vendor);
        fields.Text("model", null, Model);
        fields.Integer("count", null, Count);
        fields.Text("framework", null, Framework);
        fields.Text("driver_version", null, DriverVersion);
        return fields;
    }
}
