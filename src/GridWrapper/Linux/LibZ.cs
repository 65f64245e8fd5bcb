using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>
/// The node's zlib (zlib.h, stable API), for what the one inside .NET does not offer: to begin in the middle of a stream. Loaded on first use, from the system's directories and not by
/// LD_LIBRARY_PATH, which in jobs often names directories in CVMFS.
/// </summary>
internal sealed unsafe class LibZ
{
    internal const string Soname = "libz.so.1";
    private static readonly Lazy<NodeZlib> Shared = new(() => Load([.. SharedLibrary.Directories.Select(directory => $"{directory}/{Soname}").Where(File.Exists), .. Elsewhere()]));

    private LibZ(nint library)
    {
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        Init = (delegate* unmanaged<ZStream*, int, byte*, int, int>)Export("inflateInit2_");
        Reset = (delegate* unmanaged<ZStream*, int, int>)Export("inflateReset2");
        Inflate = (delegate* unmanaged<ZStream*, int, int>)Export("inflate");
        Prime = (delegate* unmanaged<ZStream*, int, int, int>)Export("inflatePrime");
        SetDictionary = (delegate* unmanaged<ZStream*, byte*, uint, int>)Export("inflateSetDictionary");
        End = (delegate* unmanaged<ZStream*, int>)Export("inflateEnd");
        Version = ((delegate* unmanaged<byte*>)Export("zlibVersion"))();
    }

    /// <summary>That of this node, or why there is none.</summary>
    internal static NodeZlib OfNode => Shared.Value;

    internal delegate* unmanaged<ZStream*, int, byte*, int, int> Init { get; }

    internal delegate* unmanaged<ZStream*, int, int> Reset { get; }

    internal delegate* unmanaged<ZStream*, int, int> Inflate { get; }

    internal delegate* unmanaged<ZStream*, int, int, int> Prime { get; }

    internal delegate* unmanaged<ZStream*, byte*, uint, int> SetDictionary { get; }

    internal delegate* unmanaged<ZStream*, int> End { get; }

    /// <summary>A text of the library's own.</summary>
    internal byte* Version { get; }

    /// <summary>The first of these that can be loaded. One that is there and lacks a function is too old.</summary>
    internal static NodeZlib Load(IEnumerable<string> candidates)
    {
        string problem = $"this node has no {Soname}";
        foreach (string candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out nint library))
            {
                try
                {
                    var loaded = new LibZ(library);
                    using var trial = new Inflation(loaded);
                    return new NodeZlib(loaded, "");
                }
                catch (Exception e) when (e is EntryPointNotFoundException or IOException)
                {
                    problem = $"the {Soname} of this node is too old or is not zlib ({e.Message.TrimEnd('.')})";
                }
            }
        }

        return new NodeZlib(null, problem);
    }

    private static string[] Elsewhere() => string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LD_LIBRARY_PATH")) ? [Soname] : [];

    /// <summary>z_stream.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ZStream
    {
        internal byte* NextIn;
        internal uint AvailableIn;
        internal nuint TotalIn;
        internal byte* NextOut;
        internal uint AvailableOut;
        internal nuint TotalOut;
        internal byte* Message;
        internal nint State;
        internal nint Allocate;
        internal nint Free;
        internal nint Opaque;
        internal int DataType;
        internal nuint Adler;
        internal nuint Reserved;
    }
}

/// <summary>The zlib that was found, or why none was.</summary>
/// <param name="Problem">Empty where there is one.</param>
internal sealed record NodeZlib(LibZ? Library, string Problem);
