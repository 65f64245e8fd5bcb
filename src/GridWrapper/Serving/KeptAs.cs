namespace GridWrapper.Serving;

/// <summary>In which form layers that are fetched are to be kept. What is there in the other form is used as it is.</summary>
internal enum KeptAs
{
    Inflated,

    /// <summary>Inflated, and compressed once the disk ran full.</summary>
    InflatedWhileItFits,

    Compressed,
}
