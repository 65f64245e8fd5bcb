namespace GridWrapper.Outputs;

/// <summary>The checksum of the grid's data management (RFC 1950, section 9): seed 1, eight lower-case hex digits.</summary>
internal struct Adler32 : IEquatable<Adler32>
{
    private const uint Modulus = 65521;

    /// <summary>The most bytes whose sums cannot overflow 32 bits before they are reduced.</summary>
    private const int Run = 5552;

    private uint _low;
    private uint _high;

    public Adler32()
    {
        _low = 1;
        _high = 0;
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int length = Math.Min(Run, bytes.Length);
            AppendRun(bytes[..length]);
            bytes = bytes[length..];
        }
    }

    public override readonly string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_high << 16 | _low:x8}");

    public readonly bool Equals(Adler32 other) => _low == other._low && _high == other._high;

    public override readonly bool Equals(object? obj) => obj is Adler32 other && Equals(other);

    public override readonly int GetHashCode() => HashCode.Combine(_low, _high);

    private void AppendRun(ReadOnlySpan<byte> run)
    {
        unchecked
        {
            (uint low, uint high) = (_low, _high);
            int i = 0;
            for (; i + 4 <= run.Length; i += 4)
            {
                // Four bytes at once: the second sum grows by 4, 3, 2 and 1 times what they add to the first.
                uint a = run[i], b = run[i + 1], c = run[i + 2], d = run[i + 3];
                high += (4 * (low + a)) + (3 * b) + (2 * c) + d;
                low += a + b + c + d;
            }

            for (; i < run.Length; i++)
            {
                low += run[i];
                high += low;
            }

            (_low, _high) = (low % Modulus, high % Modulus);
        }
    }
}
