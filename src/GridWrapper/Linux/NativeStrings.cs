using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>NUL-terminated UTF-8 strings and string arrays in native memory, freed together.</summary>
internal sealed unsafe class NativeStrings : IDisposable
{
    private readonly List<nint> _blocks = [];

    public void Dispose()
    {
        foreach (nint block in _blocks)
        {
            NativeMemory.Free((void*)block);
        }

        _blocks.Clear();
    }

    internal byte* Add(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        byte* block = (byte*)Allocate(length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(block, length));
        block[length] = 0;
        return block;
    }

    internal byte** AddArray(ImmutableArray<string> texts)
    {
        byte** array = (byte**)Allocate((texts.Length + 1) * sizeof(nint));
        for (int i = 0; i < texts.Length; i++)
        {
            array[i] = Add(texts[i]);
        }

        array[texts.Length] = null;
        return array;
    }

    private void* Allocate(int size)
    {
        void* block = NativeMemory.Alloc((nuint)size);
        _blocks.Add((nint)block);
        return block;
    }
}
