namespace GridWrapper.Commands;

/// <summary>Sizes on the command line: bytes, or a number with K, M, G or T for powers of 1024.</summary>
internal static class ByteSize
{
    private const string Units = "KMGT";
    private const double Largest = 1L << 50;
    private const double Smallest = 1 << 20;

    /// <returns>Null for what is no size; the fault is added.</returns>
    internal static long? Parse(string option, string text, List<string> faults)
    {
        int unit = text.Length == 0 ? -1 : Units.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal);
        ReadOnlySpan<char> digits = unit < 0 ? text : text.AsSpan(0, text.Length - 1);
        if (double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
        {
            double bytes = number * Math.Pow(1024, unit + 1);
            if (bytes is >= Smallest and <= Largest)
            {
                return (long)bytes;
            }
        }

        faults.Add($"{option} {text}: a size of at least 1M is expected, in bytes or with K, M, G or T");
        return null;
    }
}
