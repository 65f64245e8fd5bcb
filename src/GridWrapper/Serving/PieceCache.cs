namespace GridWrapper.Serving;

/// <summary>
/// Inflated pieces of all layers of a root: so many, those used longest ago give way. Memory is taken as it is needed. Who copies from a slot, or fills one, holds it meanwhile; the lock is
/// held for a look only.
/// </summary>
internal sealed class PieceCache(int capacity)
{
    private const int LayerShift = 40;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, Slot> _byKey = [];
    private readonly Slot?[] _slots = new Slot?[capacity];
    private int _hand;

    /// <summary>Of a piece of a layer.</summary>
    internal static long Key(int layer, long piece) => ((long)layer << LayerShift) | piece;

    internal bool Has(long key)
    {
        lock (_lock)
        {
            return _byKey.ContainsKey(key);
        }
    }

    /// <summary>Fills a buffer from a piece; false where it is not here.</summary>
    internal bool TryCopy(long key, int at, Span<byte> into)
    {
        Slot? slot;
        lock (_lock)
        {
            if (!_byKey.TryGetValue(key, out slot))
            {
                return false;
            }

            slot.Holders++;
            slot.Touched = true;
        }

        slot.Bytes.AsSpan(at, into.Length).CopyTo(into);
        Release(slot);
        return true;
    }

    /// <summary>Memory for a piece, held. One that belongs to nobody where all others are held.</summary>
    internal Slot Rent()
    {
        lock (_lock)
        {
            for (int tries = 2 * capacity; tries > 0; tries--)
            {
                ref Slot? slot = ref _slots[_hand];
                _hand = (_hand + 1) % capacity;
                if (slot is null)
                {
                    return slot = new Slot { Holders = 1 };
                }

                if (slot.Holders == 0 && !slot.Touched)
                {
                    _ = slot.Key >= 0 && _byKey.Remove(slot.Key);
                    (slot.Key, slot.Holders) = (-1, 1);
                    return slot;
                }

                slot.Touched = false;
            }

            return new Slot { Holders = 1, IsForeign = true };
        }
    }

    /// <summary>What is held now holds a piece, and is found by its name.</summary>
    internal void Publish(Slot slot, long key)
    {
        lock (_lock)
        {
            if (!slot.IsForeign && _byKey.TryAdd(key, slot))
            {
                (slot.Key, slot.Touched) = (key, true);
            }
        }
    }

    internal void Release(Slot slot)
    {
        lock (_lock)
        {
            slot.Holders--;
        }
    }

    /// <summary>Memory of one piece.</summary>
    internal sealed class Slot
    {
        internal byte[] Bytes { get; } = new byte[CheckpointTable.PieceBytes];

        internal long Key { get; set; } = -1;

        internal int Holders { get; set; }

        internal bool Touched { get; set; }

        internal bool IsForeign { get; init; }
    }
}
