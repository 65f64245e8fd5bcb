using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>One layer of a stack that is kept as its archive, looked into as an overlay will see it. Also in a probe's child, which knows nothing but where it lies.</summary>
internal static class PackedLook
{
    /// <param name="place">The directory of archive and index.</param>
    /// <param name="layer">The layer, with its removals; null where it cannot be read.</param>
    /// <returns>0 or an errno.</returns>
    internal static int Open(string place, out TreeLayer? layer)
    {
        layer = null;
        try
        {
            PackedLayer kept = PackedFiles.Read(place);
            layer = new ServedLayer(new ServedRoot(ServedStack.Alone(kept.Tree), [kept.Open()]) { IsStack = true }, isOwn: true);
            return 0;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Errno.ENOENT;
        }
        catch (UnauthorizedAccessException)
        {
            return Errno.EACCES;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return Errno.EIO;
        }
    }
}
