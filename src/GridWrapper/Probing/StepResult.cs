namespace GridWrapper.Probing;

/// <summary>Whether one kernel step worked; if not, which call failed with which errno ("EPERM"). Not tried steps say why in <see cref="Detail"/>.</summary>
internal sealed record StepResult(bool Works, string? Errno, string Detail)
{
    internal static readonly StepResult Ok = new(true, null, "works");
}
