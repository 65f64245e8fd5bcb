namespace GridWrapper.Staging;

/// <summary>What a storage, or the way to it, did not do. Caught by the loops that try again and try elsewhere.</summary>
internal sealed class StorageException : Exception
{
    internal StorageException(StorageTrouble trouble, string message, Exception? inner = null)
        : base(message, inner) => Trouble = trouble;

    internal StorageTrouble Trouble { get; }

    /// <summary>The storage asked to be left alone for that long.</summary>
    internal TimeSpan? RetryAfter { get; init; }

    /// <summary>Another try at the same address may go better.</summary>
    internal bool MayPass => Trouble is StorageTrouble.Unreachable or StorageTrouble.Stalled or StorageTrouble.Broken or StorageTrouble.Mismatch;
}

internal enum StorageTrouble
{
    /// <summary>No such file there.</summary>
    Absent,

    /// <summary>The storage does not let this user, or needs credentials that are not there.</summary>
    Denied,

    /// <summary>No space or no quota left there.</summary>
    Full,

    /// <summary>Another file stands there under that name.</summary>
    Taken,

    /// <summary>What arrived is not what was sent.</summary>
    Mismatch,

    /// <summary>Nothing moved for too long.</summary>
    Stalled,

    /// <summary>No connection.</summary>
    Unreachable,

    /// <summary>It began and broke off, or the storage reported an error of its own.</summary>
    Broken,

    /// <summary>It will never work like this: a missing program, an untrusted certificate, a server that is no storage.</summary>
    Unusable,

    /// <summary>The disk of this node.</summary>
    Local,
}
