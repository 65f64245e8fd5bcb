namespace GridWrapper.Registries;

/// <summary>The files of an image kept on this node, by their path inside it: a layout directory or an archive of one.</summary>
internal interface IImageFiles
{
    /// <summary>For messages.</summary>
    string Description { get; }

    /// <summary>Size in bytes, or null if there is no such file.</summary>
    long? SizeOf(string name);

    /// <exception cref="FileNotFoundException">No such file.</exception>
    Stream Open(string name);
}
