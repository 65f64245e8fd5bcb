using System.Diagnostics.CodeAnalysis;
using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>Path algebra of CVMFS image repositories; texts only, nothing is touched.</summary>
internal static class CvmfsPath
{
    internal const string UsualRoot = "/cvmfs";

    /// <summary>Paths and links written with the usual root, moved to where CVMFS is mounted here.</summary>
    internal static string Rebase(string path, string root) =>
        IsBelow(path, UsualRoot) && root != UsualRoot && !IsBelow(path, root) ? root + path[UsualRoot.Length..] : path;

    /// <summary>True for the directory itself and everything below, by whole components.</summary>
    internal static bool IsBelow(string path, string directory)
    {
        string prefix = directory.TrimEnd('/');
        return path.StartsWith(prefix, StringComparison.Ordinal) && (path.Length == prefix.Length || path[prefix.Length] == '/');
    }

    /// <summary>The repository that an absolute path below the root lies in; null for the root itself or a path elsewhere.</summary>
    internal static string? RepositoryOf(string path, string root)
    {
        if (!IsBelow(path, root))
        {
            return null;
        }

        string rest = path[root.TrimEnd('/').Length..].TrimStart('/');
        int end = rest.IndexOf('/', StringComparison.Ordinal);
        return rest.Length == 0 ? null : end < 0 ? rest : rest[..end];
    }

    /// <summary>The directory of the repository that the first of these paths lies in that lies in one; null where none does.</summary>
    internal static string? RepositoryDirectory(string root, params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
        {
            if (RepositoryOf(path, root) is { } name)
            {
                return Path.Combine(root, name);
            }
        }

        return null;
    }

    /// <summary>The repository of a profile's entry, which may name a directory of it: "unpacked.cern.ch" or "site.example.org/images".</summary>
    internal static string RepositoryPart(string entry) => entry.Split('/')[0];

    /// <summary>.flat/XX/&lt;digits&gt; of an image ID.</summary>
    internal static string Flat(Digest configDigest) => $".flat/{configDigest.Hex[..2]}/{configDigest.Hex}";

    /// <summary>Recognises .flat/XX/&lt;64 lower-case hex digits&gt; whose directory XX agrees with the digits.</summary>
    internal static bool TryParseFlat(string relative, [NotNullWhen(true)] out Digest? configDigest)
    {
        configDigest = null;
        string[] parts = relative.Split('/');
        return parts is [".flat", { Length: 2 } prefix, { Length: 64 } hex]
            && hex.StartsWith(prefix, StringComparison.Ordinal)
            && Digest.TryParseHex(hex, out configDigest);
    }

    /// <summary>The first part of the places of the OSG's layout: .images/XX/&lt;62 digits&gt; of a hash over the layers, .images/sha256:XX/… of an index.</summary>
    internal const string OsgImages = ".images/";

    /// <summary>Where the OSG's layout has the image of these layers.</summary>
    internal static string Osg(IEnumerable<Digest> layers)
    {
        string hex = Digest.Of(Encoding.ASCII.GetBytes(string.Concat(layers.Select(l => l.Hex)))).Hex;
        return $"{OsgImages}{hex[..2]}/{hex[2..]}";
    }

    /// <summary>Recognises a place of the OSG's layout; the digest is over layers, or of an index.</summary>
    internal static bool TryParseOsg(string relative, [NotNullWhen(true)] out Digest? id)
    {
        id = null;
        return relative.Split('/') is [".images", var prefix, { Length: 62 } rest]
            && (prefix.StartsWith("sha256:", StringComparison.Ordinal) ? prefix["sha256:".Length..] : prefix) is { Length: 2 } first
            && Digest.TryParseHex(first + rest, out id);
    }

    /// <summary>Where a link leads, relative to the directory <paramref name="top"/> that it must not leave; null when it does leave.</summary>
    /// <param name="link">The link's own path relative to <paramref name="top"/>.</param>
    /// <param name="target">Its text.</param>
    /// <param name="top">Absolute path of the repository (or of the sub-directory of it that holds the images).</param>
    /// <param name="root">Where CVMFS is mounted.</param>
    internal static string? Follow(string link, string target, string top, string root)
    {
        List<string> parts = [];
        if (target.StartsWith('/'))
        {
            target = Rebase(target, root);
            if (!IsBelow(target, top))
            {
                return null;
            }

            target = target[top.TrimEnd('/').Length..];
        }
        else
        {
            parts.AddRange(link.Split('/').SkipLast(1));
        }

        foreach (string component in target.Split('/'))
        {
            if (component == ".." && parts.Count == 0)
            {
                return null;
            }

            if (component == "..")
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (component is not ("" or "."))
            {
                parts.Add(component);
            }
        }

        return string.Join('/', parts);
    }
}
