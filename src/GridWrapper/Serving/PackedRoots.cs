using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Roots that a site shares, as places of packed layers.</summary>
internal static class PackedRoots
{
    private const uint WritableByOthers = 0x12;

    /// <summary>A directory into which others than its owner can write holds whatever they put there.</summary>
    internal static bool IsTrusted(string root)
    {
        string store = new CacheDirectory(root).Store;
        foreach (string path in (string[])[root, store, store + "/packed", store + "/packed/sha256"])
        {
            try
            {
                using SafeFileHandle directory = At.OpenDirectory(path);
                if (At.Stat(directory, [], out FileStat stat) != 0 || (stat.Permissions & WritableByOthers) != 0)
                {
                    return false;
                }
            }
            catch (LinuxException)
            {
                // It has no packed layers, or none that this user can see.
                return false;
            }
        }

        return true;
    }
}
