namespace GridWrapper.Serving;

/// <summary>In which order the files of a tree were first read. A bit per node, and a number per file that was.</summary>
internal sealed class FirstTouches(int nodes)
{
    private readonly int[] _seen = new int[(nodes + 31) / 32];
    private readonly List<int> _order = [];
    private readonly Lock _lock = new();

    /// <summary>Nodes, the first one first.</summary>
    internal ImmutableArray<int> Order
    {
        get
        {
            lock (_lock)
            {
                return [.. _order];
            }
        }
    }

    internal void Touch(int node)
    {
        int bit = 1 << (node & 31);
        ref int word = ref _seen[node >> 5];
        if ((Volatile.Read(ref word) & bit) != 0 || (Interlocked.Or(ref word, bit) & bit) != 0)
        {
            return;
        }

        lock (_lock)
        {
            _order.Add(node);
        }
    }
}
