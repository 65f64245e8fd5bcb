using System.Runtime.InteropServices;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Whether this node has libzstd. The usual directories are tried by path first: a search by name would go through LD_LIBRARY_PATH,
/// which in jobs often names directories in CVMFS, and the main process must not touch those.
/// </summary>
internal static class ZstdProbe
{
    private const string Soname = "libzstd.so.1";

    internal static Fact<string> Probe(string root, IReadOnlyDictionary<string, string> environment)
    {
        foreach (string directory in SharedLibrary.Directories)
        {
            string path = Path.Combine(root, directory.TrimStart('/'), Soname);
            if (File.Exists(path) && Loads(path))
            {
                return new Fact<string>.Known(path);
            }
        }

        if (environment.GetValueOrDefault("LD_LIBRARY_PATH") is { Length: > 0 })
        {
            return new Fact<string>.Absent($"no {Soname} in the system's library directories (LD_LIBRARY_PATH is not searched)");
        }

        return root == "/" && Loads(Soname) ? new Fact<string>.Known(Soname) : new Fact<string>.Absent($"no {Soname} in the system's library directories");
    }

    private static bool Loads(string name)
    {
        if (!NativeLibrary.TryLoad(name, out nint handle))
        {
            return false;
        }

        NativeLibrary.Free(handle);
        return true;
    }
}
