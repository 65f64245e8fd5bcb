namespace GridWrapper.SelfTest;

/// <summary>What a public name in the fake CVMFS repository points to.</summary>
internal abstract record CvmfsTag
{
    private CvmfsTag()
    {
    }

    /// <summary>The image itself.</summary>
    internal sealed record Current : CvmfsTag;

    /// <summary>Nothing: the image is not flattened yet, and one of its layers has not been published. Its other layers are there.</summary>
    /// <param name="Missing">Number of the layer that is not, base layer 0.</param>
    internal sealed record Layers(int Missing) : CvmfsTag;

    /// <summary>An older image, as when the tag has moved in the registry and DUCC has not followed.</summary>
    /// <param name="Older">What the name still points to.</param>
    /// <param name="CurrentTreeToo">The new image's tree is there already, by its digest only.</param>
    internal sealed record Stale(MiniatureImage Older, bool CurrentTreeToo) : CvmfsTag;
}
