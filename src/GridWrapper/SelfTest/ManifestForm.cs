namespace GridWrapper.SelfTest;

/// <summary>What a tag of the loopback registry leads to.</summary>
internal enum ManifestForm
{
    /// <summary>An OCI image manifest.</summary>
    Oci,

    /// <summary>A Docker v2 schema 2 manifest.</summary>
    Docker,

    /// <summary>An OCI index of two platforms.</summary>
    Index,
}
