using GridWrapper.Serving;

namespace GridWrapper.SystemTests.Serving;

/// <summary>Files whose bytes follow from their number: tests/testbed/serving-check.c knows the rule as well.</summary>
internal sealed class PatternSource : FileSource
{
    internal override int Read(long data, long offset, Span<byte> into)
    {
        unchecked
        {
            for (int i = 0; i < into.Length;)
            {
                ulong at = (ulong)offset + (ulong)i;
                ulong x = ((at / 8) + (ulong)data) * 0x9E3779B97F4A7C15;
                x ^= x >> 32;
                for (int k = (int)(at % 8); k < 8 && i < into.Length; k++)
                {
                    into[i++] = (byte)(x >> (8 * k));
                }
            }
        }

        return 0;
    }
}
