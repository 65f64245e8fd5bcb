namespace GridWrapper.Squashfs;

/// <summary>Finds single paths in an image, links followed as inside a root of its own, and copies the few that tell what an image is into a directory.</summary>
internal sealed class SquashfsLookup(SquashfsImage image)
{
    private const int MostLinks = 40;

    /// <summary>A file that is larger is no script, list of users or label.</summary>
    private const int LargestFile = 1 << 20;

    private const int MostNames = 1000;

    private static ReadOnlySpan<byte> Up => ".."u8;

    /// <summary>
    /// Copies these paths, with the links on the way and what these lead to, below a directory; directories in the list with the files in them. What is missing, too large or no
    /// regular file is left out. A program (path ending in '*') is copied as an empty file that can be executed: that it is there is all that is asked.
    /// </summary>
    internal void Copy(string into, IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            bool empty = path.EndsWith('*');
            if (Resolve(path.TrimEnd('*'), into) is { } found)
            {
                CopyOne(into, found, empty, depth: 0);
            }
        }
    }

    private void CopyOne(string into, Found found, bool empty, int depth)
    {
        string target = into + found.Path;
        switch (found.Inode.Kind)
        {
            case SquashfsKind.Directory when depth < 2:
                Directory.CreateDirectory(target);
                foreach (SquashfsName name in image.List(found.Inode).Take(MostNames))
                {
                    string path = $"{found.Path}/{Encoding.UTF8.GetString(name.Name)}";
                    SquashfsInode inode = image.Inode(name.Inode);
                    if (inode.Kind == SquashfsKind.Link && Resolve(path, into) is { Inode.Kind: not SquashfsKind.Directory } linked)
                    {
                        CopyOne(into, linked, empty, depth + 1);
                    }
                    else
                    {
                        CopyOne(into, new Found(path, inode), empty, depth + 1);
                    }
                }

                break;
            case SquashfsKind.File when (empty || found.Inode.SizeBytes <= LargestFile) && !Path.Exists(target):
                using (var file = new FileStream(target, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Mode(found.Inode) }))
                {
                    file.Write(empty ? [] : Content(found.Inode));
                }

                break;
            default:
                break;
        }
    }

    private static UnixFileMode Mode(SquashfsInode file) => (UnixFileMode)(file.Mode & 0x1FF) | UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The bytes of a small file.</summary>
    internal byte[] Content(SquashfsInode file)
    {
        byte[] content = new byte[file.SizeBytes];
        byte[] buffer = new byte[image.Super.BlockSize];
        long offset = file.Blocks;
        for (int i = 0; i < file.BlockSizes.Length; i++)
        {
            StoredBlock block = image.Block(file, i, offset);
            int wanted = block.ContentBytes;
            if (image.Decode(block, buffer) < wanted)
            {
                throw new InvalidDataException("a block holds less than its file has");
            }

            buffer.AsSpan(0, wanted).CopyTo(content.AsSpan(i * image.Super.BlockSize));
            offset += block.StoredBytes;
        }

        if (file.Fragment is { } fragment)
        {
            int tail = (int)(file.SizeBytes % image.Super.BlockSize);
            if (image.Decode(image.Fragment(fragment), buffer) < file.FragmentOffset + tail)
            {
                throw new InvalidDataException("a fragment holds less than a file of it has");
            }

            buffer.AsSpan((int)file.FragmentOffset, tail).CopyTo(content.AsSpan(content.Length - tail));
        }

        return content;
    }

    /// <summary>What a path leads to, null where it leads nowhere. Directories and links on the way are made below <paramref name="into"/>.</summary>
    private Found? Resolve(string path, string into)
    {
        Stack<byte[]> ahead = new(Parts(Encoding.UTF8.GetBytes(path)).Reverse());
        List<(string Name, SquashfsInode Inode)> at = [];
        SquashfsInode root = image.Root;
        for (int links = 0; ahead.TryPop(out byte[]? part);)
        {
            if (part.AsSpan().SequenceEqual(Up))
            {
                at.RemoveRange(Math.Max(0, at.Count - 1), at.Count > 0 ? 1 : 0);
                continue;
            }

            SquashfsInode here = at.Count > 0 ? at[^1].Inode : root;
            if (here.Kind != SquashfsKind.Directory || image.List(here).FirstOrDefault(n => n.Name.AsSpan().SequenceEqual(part)) is not { } name)
            {
                return null;
            }

            SquashfsInode next = image.Inode(name.Inode);
            string place = string.Concat(at.Select(a => "/" + a.Name)) + "/" + Encoding.UTF8.GetString(part);
            Directory.CreateDirectory(into + place[..place.LastIndexOf('/')]);
            if (next.Kind != SquashfsKind.Link)
            {
                at.Add((Encoding.UTF8.GetString(part), next));
                continue;
            }

            if (++links > MostLinks)
            {
                return null;
            }

            MakeLink(into + place, next.Target);
            at = next.Target.AsSpan().StartsWith("/"u8) ? [] : at;
            foreach (byte[] more in Parts(next.Target).Reverse())
            {
                ahead.Push(more);
            }
        }

        return new Found(string.Concat(at.Select(a => "/" + a.Name)), at.Count > 0 ? at[^1].Inode : root);
    }

    private static void MakeLink(string path, byte[] target)
    {
        if (new FileInfo(path).LinkTarget is null && !Path.Exists(path))
        {
            File.CreateSymbolicLink(path, Encoding.UTF8.GetString(target));
        }
    }

    private static IEnumerable<byte[]> Parts(byte[] path)
    {
        for (int start = 0; start < path.Length;)
        {
            int end = Array.IndexOf(path, (byte)'/', start);
            end = end < 0 ? path.Length : end;
            byte[] part = path[start..end];
            if (part.Length > 0 && !part.AsSpan().SequenceEqual("."u8))
            {
                yield return part;
            }

            start = end + 1;
        }
    }

    private sealed record Found(string Path, SquashfsInode Inode);
}
