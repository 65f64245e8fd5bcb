namespace GridWrapper.Sites;

/// <summary>The numbers a profile key takes; both ends belong to it.</summary>
/// <param name="Low">Smallest value.</param>
/// <param name="High">Largest value.</param>
internal readonly record struct NumberRange(double Low, double High)
{
    internal bool Holds(double value) => value >= Low && value <= High;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"a number from {Low} to {High}");
}
