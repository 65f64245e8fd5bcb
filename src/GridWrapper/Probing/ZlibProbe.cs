using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Whether this node has a zlib by which layers can be kept compressed. It is loaded for that, and stays.</summary>
internal static class ZlibProbe
{
    internal static Fact<string> Probe() => LibZ.OfNode.Library is null ? new Fact<string>.Absent(LibZ.OfNode.Problem) : new Fact<string>.Known(LibZ.Soname);
}
