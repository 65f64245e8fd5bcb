namespace GridWrapper.Running;

/// <summary>Seconds spent at each station.</summary>
internal sealed record Timings
{
    public double Probe { get; init; }

    public double Resolve { get; init; }

    public double Materialise { get; init; }

    public double StageIn { get; init; }

    public double Launch { get; init; }

    public double Payload { get; init; }

    public double Outputs { get; init; }

    public double Report { get; init; }
}
