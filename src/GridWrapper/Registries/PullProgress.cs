using System.Collections.Concurrent;
using GridWrapper.Images;

namespace GridWrapper.Registries;

/// <summary>How far the blobs are that were asked for; written by transfers, read by whoever shows it.</summary>
internal sealed class PullProgress
{
    private readonly ConcurrentDictionary<Digest, Blob> _blobs = [];

    /// <summary>Blobs begun so far, in no order.</summary>
    internal IReadOnlyCollection<Blob> Blobs => [.. _blobs.Values];

    internal Blob Begin(Descriptor descriptor) => _blobs.GetOrAdd(descriptor.Digest, _ => new Blob(descriptor));

    /// <summary>One blob on its way.</summary>
    internal sealed class Blob(Descriptor descriptor)
    {
        private long _bytes;

        internal Descriptor Descriptor => descriptor;

        internal long Bytes => Interlocked.Read(ref _bytes);

        internal void Reached(long position) => Interlocked.Exchange(ref _bytes, position);
    }
}
