namespace GridWrapper.Strategies;

/// <summary>In which shape a launcher can take a root filesystem.</summary>
internal enum RootfsForm
{
    /// <summary>One directory holding the whole tree.</summary>
    Tree,

    /// <summary>Lower directories for an overlay mount. A tree is the stack of one.</summary>
    Stack,

    /// <summary>The same for fuse-overlayfs, to which an ordinary file ".wh.NAME" is a removal too.</summary>
    FuseStack,
}
