using System.Text.Json;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>One entry of a table of contents from its JSON. Members that mean nothing to a tree under one user, such as owners, are passed over.</summary>
internal static class TocEntryReader
{
    private const int MaxXattrs = 1000;

    /// <summary>The reader stands at the entry's opening brace, and afterwards at its closing one.</summary>
    /// <exception cref="InvalidDataException">A member is no such thing.</exception>
    internal static void Read(ref Utf8JsonReader json, TocEntry entry)
    {
        entry.Clear();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            ReadMember(ref json, entry);
        }
    }

    private static void ReadMember(ref Utf8JsonReader json, TocEntry entry)
    {
        ReadOnlySpan<byte> name = json.ValueIsEscaped ? [] : json.ValueSpan;
        switch (name.Length)
        {
            case 4 when name.SequenceEqual("name"u8):
                entry.Name = TextBytes(ref json, "name") ?? entry.Name;
                break;
            case 4 when name.SequenceEqual("type"u8):
                ReadType(ref json, entry);
                break;
            case 4 when name.SequenceEqual("size"u8):
                entry.Size = Number(ref json, "size");
                break;
            case 4 when name.SequenceEqual("mode"u8):
                entry.Mode = (uint)(Number(ref json, "mode") & 0xFFF);
                break;
            case 7 when name.SequenceEqual("modtime"u8):
                entry.Modified = Time(ref json);
                break;
            case 8 when name.SequenceEqual("linkName"u8):
                entry.LinkName = TextBytes(ref json, "linkName") ?? [];
                break;
            case 6 when name.SequenceEqual("xattrs"u8):
                entry.Xattrs = Xattrs(ref json);
                break;
            default:
                ReadPlace(ref json, entry, name);
                break;
        }
    }

    private static void ReadPlace(ref Utf8JsonReader json, TocEntry entry, ReadOnlySpan<byte> name)
    {
        switch (name.Length)
        {
            case 6 when name.SequenceEqual("offset"u8):
                entry.Offset = Number(ref json, "offset");
                break;
            case 9 when name.SequenceEqual("chunkSize"u8):
                entry.ChunkSize = Number(ref json, "chunkSize");
                break;
            case 11 when name.SequenceEqual("chunkOffset"u8):
                entry.ChunkOffset = Number(ref json, "chunkOffset");
                break;
            case 11 when name.SequenceEqual("innerOffset"u8):
                entry.InnerOffset = Number(ref json, "innerOffset");
                break;
            case 11 when name.SequenceEqual("chunkDigest"u8):
                entry.HasChunkHash = Hash(ref json, entry.ChunkHash);
                break;
            case 6 when name.SequenceEqual("digest"u8):
                entry.HasHash = Hash(ref json, entry.Hash);
                break;
            case 9 when name.SequenceEqual("chunkType"u8):
                ReadChunkType(ref json, entry);
                break;
            default:
                json.Read();
                json.Skip();
                break;
        }
    }

    private static void ReadType(ref Utf8JsonReader json, TocEntry entry)
    {
        ReadOnlySpan<byte> type = Text(ref json, "type");
        entry.Kind = type.SequenceEqual("chunk"u8) ? TocEntryKind.Chunk : TocEntryKind.Entry;
        entry.Type = type.SequenceEqual("reg"u8) || entry.IsChunk ? TarEntryKind.File
            : type.SequenceEqual("dir"u8) ? TarEntryKind.Directory
            : type.SequenceEqual("symlink"u8) ? TarEntryKind.Symlink
            : type.SequenceEqual("hardlink"u8) ? TarEntryKind.HardLink
            : type.SequenceEqual("char"u8) ? TarEntryKind.CharacterDevice
            : type.SequenceEqual("block"u8) ? TarEntryKind.BlockDevice
            : type.SequenceEqual("fifo"u8) ? TarEntryKind.Fifo
            : throw new InvalidDataException($"its type '{EntryPath.ForPeople(type)}' is not known");
    }

    private static void ReadChunkType(ref Utf8JsonReader json, TocEntry entry)
    {
        ReadOnlySpan<byte> type = Text(ref json, "chunkType");
        entry.IsZeros = type.SequenceEqual("zeros"u8);
        if (!entry.IsZeros && !type.IsEmpty)
        {
            throw new InvalidDataException($"its chunkType '{EntryPath.ForPeople(type)}' is not known");
        }
    }

    private static long Number(ref Utf8JsonReader json, string name)
    {
        json.Read();
        return json.TokenType == JsonTokenType.Null ? 0
            : json.TokenType == JsonTokenType.Number && json.TryGetInt64(out long number) && number >= 0 ? number
            : throw new InvalidDataException($"its {name} is no number from 0 on");
    }

    /// <summary>Valid until the reader moves; empty for null.</summary>
    private static ReadOnlySpan<byte> Text(ref Utf8JsonReader json, string name)
    {
        json.Read();
        return json.TokenType == JsonTokenType.Null ? []
            : json.TokenType != JsonTokenType.String ? throw new InvalidDataException($"its {name} is no text")
            : json.ValueIsEscaped ? Unescaped(ref json) : json.ValueSpan;
    }

    private static byte[] Unescaped(ref Utf8JsonReader json)
    {
        byte[] bytes = new byte[json.ValueSpan.Length];
        return bytes[..json.CopyString(bytes)];
    }

    private static byte[]? TextBytes(ref Utf8JsonReader json, string name)
    {
        ReadOnlySpan<byte> text = Text(ref json, name);
        return json.TokenType == JsonTokenType.Null ? null : text.ToArray();
    }

    /// <summary>False for none, and for another kind of digest.</summary>
    private static bool Hash(ref Utf8JsonReader json, Span<byte> into)
    {
        ReadOnlySpan<byte> text = Text(ref json, "digest");
        return text.Length == 71 && text.StartsWith("sha256:"u8)
            && (Convert.FromHexString(text["sha256:".Length..], into, out _, out int written) == System.Buffers.OperationStatus.Done && written == ChunkTable.HashBytes);
    }

    /// <summary>RFC 3339, to the nanosecond.</summary>
    private static FileTime Time(ref Utf8JsonReader json)
    {
        ReadOnlySpan<byte> text = Text(ref json, "modtime");
        if (text.IsEmpty)
        {
            return default;
        }

        if (!json.TryGetDateTimeOffset(out DateTimeOffset time))
        {
            throw new InvalidDataException($"its modtime '{EntryPath.ForPeople(text)}' is no time");
        }

        int point = text.IndexOf((byte)'.');
        long nanoseconds = 0;
        for (int digit = 1; point >= 0 && digit <= 9; digit++)
        {
            byte b = point + digit < text.Length ? text[point + digit] : (byte)'Z';
            point = char.IsAsciiDigit((char)b) ? point : text.Length;
            nanoseconds = (nanoseconds * 10) + (char.IsAsciiDigit((char)b) ? b - '0' : 0);
        }

        return new FileTime(time.ToUnixTimeSeconds(), nanoseconds);
    }

    private static ImmutableArray<(string Name, byte[] Value)> Xattrs(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
        {
            return [];
        }

        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw new InvalidDataException("its xattrs are no object");
        }

        ImmutableArray<(string, byte[])>.Builder all = ImmutableArray.CreateBuilder<(string, byte[])>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string name = json.GetString()!;
            json.Read();
            bool sound = all.Count < MaxXattrs && json.TokenType == JsonTokenType.String;
            byte[]? value = null;
            sound = sound && json.TryGetBytesFromBase64(out value);
            all.Add(sound ? (name, value!) : throw new InvalidDataException($"its extended attribute '{Diagnostics.Quoted.Clean(name)}' is not in base64, or one of too many"));
        }

        return all.ToImmutable();
    }
}
