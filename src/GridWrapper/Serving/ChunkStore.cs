using System.Buffers;
using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>
/// The local copy of a layer's chunks, shared by all jobs of the node: a sparse file of unpacked bytes, and a byte for each chunk that says that somebody wrote it. That word is
/// a hint and no more: each process hashes a chunk before it believes it for the first time, so that a copy that was cut, damaged or half written when a node went down costs
/// another fetch and nothing else. Chunks are only ever written with the bytes that they must have, so writers need no lock.
/// </summary>
internal sealed class ChunkStore : IDisposable
{
    private const byte Absent = 0;
    private const byte Marked = 1;
    private const byte Proven = 2;

    /// <summary>Not here, and what the shared marks say of it is not believed.</summary>
    private const byte Damaged = 3;
    private static readonly RoomLog Log = new(nameof(ChunkStore));
    private readonly ChunkTable _table;
    private readonly SafeFileHandle _data;
    private readonly SafeFileHandle _marks;
    private readonly byte[] _states;
    private bool _full;

    /// <param name="directory">Of this table of contents; it is there.</param>
    internal ChunkStore(string directory, ChunkTable table)
    {
        _table = table;
        _states = new byte[table.Chunks.Length];
        _data = File.OpenHandle(directory + "/data", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        _marks = File.OpenHandle(directory + "/marks", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        Refresh();
    }

    /// <summary>The disk ran full: what is fetched from now on is not kept.</summary>
    internal bool IsFull => Volatile.Read(ref _full);

    public void Dispose()
    {
        _data.Dispose();
        _marks.Dispose();
    }

    /// <summary>Probably: it may turn out to be damaged.</summary>
    internal bool Has(int chunk) => _table.Chunks[chunk].Member == ChunkTable.Zeros || Volatile.Read(ref _states[chunk]) is Marked or Proven;

    /// <summary>Has, after a look at what other processes did meanwhile.</summary>
    internal bool HasBecome(int chunk)
    {
        byte mark = Absent;
        if (Volatile.Read(ref _states[chunk]) == Absent && RandomAccess.Read(_marks, new Span<byte>(ref mark), chunk) == 1 && mark == Marked)
        {
            _ = Interlocked.CompareExchange(ref _states[chunk], Marked, Absent);
        }

        return Has(chunk);
    }

    /// <summary>A look at what other processes did meanwhile, for all chunks.</summary>
    internal void Refresh()
    {
        byte[] marks = new byte[_states.Length];
        try
        {
            _ = RandomAccess.Read(_marks, marks, 0);
        }
        catch (IOException e)
        {
            Log.Warn("what is here of a layer cannot be told: {Reason}", FileTrouble.Describe(e));
        }

        for (int i = 0; i < marks.Length; i++)
        {
            if (marks[i] == Marked)
            {
                _ = Interlocked.CompareExchange(ref _states[i], Marked, Absent);
            }
        }
    }

    /// <summary>Fills a buffer from a chunk; false where it is not here, or not as it should be.</summary>
    internal bool TryRead(int chunk, long at, Span<byte> into)
    {
        ref readonly Chunk wanted = ref _table.Chunks[chunk];
        if (wanted.Member == ChunkTable.Zeros)
        {
            into.Clear();
            return true;
        }

        byte state = Volatile.Read(ref _states[chunk]);
        if (state == Marked)
        {
            state = Prove(chunk) ? Proven : Damaged;
            Volatile.Write(ref _states[chunk], state);
        }

        if (state != Proven)
        {
            return false;
        }

        bool whole = IsWhole(into, wanted.Place + at);
        if (!whole)
        {
            Volatile.Write(ref _states[chunk], Damaged);
        }

        return whole;
    }

    /// <summary>Keeps what is known to be right. A disk that is full ends the keeping, not the serving.</summary>
    internal bool TryKeep(int chunk, ReadOnlySpan<byte> bytes)
    {
        if (IsFull)
        {
            return false;
        }

        try
        {
            RandomAccess.Write(_data, bytes, _table.Chunks[chunk].Place);
            RandomAccess.Write(_marks, [Marked], chunk);
            Volatile.Write(ref _states[chunk], Proven);
            return true;
        }
        catch (IOException e)
        {
            if (!Interlocked.Exchange(ref _full, true))
            {
                string why = CacheRoom.IsFull(e) ? "there is no room left" : e.Message;
                Log.Warn("what is fetched of the image is not kept any more in the cache: {Reason}; the payload goes on, and fetches again what it reads again", why);
            }

            return false;
        }
    }

    private bool Prove(int chunk)
    {
        ref readonly Chunk wanted = ref _table.Chunks[chunk];
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)wanted.Size);
        try
        {
            Span<byte> all = bytes.AsSpan(0, (int)wanted.Size);
            bool right = IsWhole(all, wanted.Place) && MemberDecoder.IsRight(all, _table.Hash(chunk));
            if (!right)
            {
                Log.Info("a piece of {Size} bytes of the local copy is damaged and fetched again", wanted.Size);
            }

            return right;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private bool IsWhole(Span<byte> into, long at)
    {
        try
        {
            int got = 0;
            for (int more = 1; got < into.Length && more > 0; got += more)
            {
                more = RandomAccess.Read(_data, into[got..], at + got);
            }

            return got == into.Length;
        }
        catch (IOException e)
        {
            Log.Warn("the local copy of a layer cannot be read: {Reason}", FileTrouble.Describe(e));
            return false;
        }
    }
}
