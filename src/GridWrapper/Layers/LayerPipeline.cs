using System.IO.Pipelines;
using System.Security.Cryptography;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Blob → digest → inflate → diffID → tar → files, streaming: receiving, inflating, digesting and unpacking each have their own thread and are joined by
/// short lines, small files are made by further threads (<see cref="FileWriters"/>). Nothing of the blob is kept; memory does not depend on the layer.
/// </summary>
internal static class LayerPipeline
{
    /// <summary>Compressed bytes received ahead.</summary>
    private const int PauseBytes = 2 * 1024 * 1024;
    private const int ChunkBytes = 128 * 1024;

    /// <summary>Blocks between two stages.</summary>
    private const int BlocksAhead = 6;

    /// <param name="blob">A stream that verifies the blob's size and digest.</param>
    /// <exception cref="InvalidDataException">The verified bytes are no proper layer, or not the one with this diffID.</exception>
    internal static Task<LayerIndex> UnpackAsync(Stream blob, UnpackTarget target, CancellationToken ct) =>
        RunAsync(blob, new ImageLayer(target.Blob, target.DiffId), (blocks, stop) => Unpack(blocks, target, stop), ct);

    /// <summary>The same with another end: what is made of the verified blocks of the archive.</summary>
    /// <param name="blob">A stream that verifies the blob's size and digest.</param>
    /// <param name="layer">What it promises to be.</param>
    /// <param name="make">Takes all blocks, on a thread of its own. Of its faults only <see cref="InvalidDataException"/> lets the blob be received to its end.</param>
    internal static Task<T> RunAsync<T>(Stream blob, ImageLayer layer, Func<BlockReader, CancellationToken, T> make, CancellationToken ct)
        where T : class => RunAsync(blob, layer, new LayerWork<T>(make), ct);

    /// <inheritdoc cref="RunAsync{T}(Stream, ImageLayer, Func{BlockReader, CancellationToken, T}, CancellationToken)"/>
    /// <param name="work">What is made of it, and how it is inflated.</param>
    internal static async Task<T> RunAsync<T>(Stream blob, ImageLayer layer, LayerWork<T> work, CancellationToken ct)
        where T : class
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: PauseBytes, resumeWriterThreshold: PauseBytes / 2, minimumSegmentSize: ChunkBytes, useSynchronizationContext: false));
        var inflated = new HandOver<Block>(BlocksAhead);
        var digested = new HandOver<Block>(BlocksAhead);
        Task receive = ReceiveAsync(blob, pipe.Writer, stop.Token);
        Task inflate = OnItsOwnThread(() => Inflate(pipe.Reader, inflated, work.Open));
        Task<Digest> digest = OnItsOwnThread(() => DigestBlocks(inflated, digested, ExtractionLimits.ForBlob(layer.Blob.SizeBytes).MaxBytes));
        Task<T> end = OnItsOwnThread(() => Make(digested, work.Make, stop));
        await Task.WhenAll(receive, inflate, digest, end).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        // Damaged bytes also break the unpacking; that the bytes were damaged is then the true reason.
        if (receive.IsFaulted)
        {
            await receive;
        }

        T made = await end;
        await receive;
        Digest diffId = await digest;
        return diffId == layer.DiffId
            ? made
            : throw new InvalidDataException($"it unpacks to a tar with the digest {diffId}, but the image configuration promises the diffID {layer.DiffId}");
    }

    /// <summary>Passes blocks on and computes the digest of them all; stops what grows beyond a limit.</summary>
    internal static Digest DigestBlocks(HandOver<Block> from, HandOver<Block> to, long maxBytes)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long length = 0;
            while (from.Take() is { } block)
            {
                length += block.Length;
                if (length > maxBytes)
                {
                    throw new InvalidDataException($"the layer unpacks to more than {maxBytes} bytes, far beyond what its compressed size allows");
                }

                hash.AppendData(block.Content);
                if (!to.Put(block))
                {
                    from.Abandon();
                    break;
                }
            }

            to.Finish(null);
            return Digest.FromHash(hash.GetHashAndReset());
        }
        catch (Exception e)
        {
            from.Abandon();
            to.Finish(e);
            throw;
        }
    }

    private static Task<T> OnItsOwnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static async Task ReceiveAsync(Stream blob, PipeWriter writer, CancellationToken ct)
    {
        Exception? fault = null;
        try
        {
            bool listening = true;
            byte[] sink = [];
            while (true)
            {
                // After a fault in the unpacking the rest is still read, to learn whether the bytes were the right ones.
                sink = listening || sink.Length > 0 ? sink : new byte[ChunkBytes];
                int got = await blob.ReadAsync(listening ? writer.GetMemory(ChunkBytes) : sink, ct);
                if (got == 0)
                {
                    return;
                }

                if (listening)
                {
                    writer.Advance(got);
                    listening = !(await writer.FlushAsync(ct)).IsCompleted;
                }
            }
        }
        catch (Exception e)
        {
            fault = e;
            throw;
        }
        finally
        {
            await writer.CompleteAsync(fault);
        }
    }

    private static bool Inflate(PipeReader reader, HandOver<Block> to, Func<Stream, Stream> open)
    {
        try
        {
            using Stream blob = reader.AsStream();
            using Stream tar = open(blob);
            bool wanted = true;
            while (wanted)
            {
                Block block = Block.Rent();
                block.Length = tar.ReadAtLeast(block.Bytes, Block.Capacity, throwOnEndOfStream: false);
                wanted = block.Length > 0 && to.Put(block);
                if (!wanted)
                {
                    block.Return();
                }
            }

            to.Finish(null);
            return true;
        }
        catch (Exception e)
        {
            to.Finish(e);
            throw;
        }
        finally
        {
            reader.Complete();
        }
    }

    private static T Make<T>(HandOver<Block> blocks, Func<BlockReader, CancellationToken, T> make, CancellationTokenSource stop)
    {
        try
        {
            using var tar = new BlockReader(blocks);
            T made = make(tar, stop.Token);
            tar.Drain(stop.Token);
            return made;
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            // The disk or a limit of this node: no reason to receive any more.
            stop.Cancel();
            throw;
        }
        finally
        {
            blocks.Abandon();
        }
    }

    private static LayerIndex Unpack(BlockReader tar, UnpackTarget target, CancellationToken ct)
    {
        using IndexWriter? writer = target.IndexPath is { } path ? new IndexWriter(path) : null;
        using var extractor = new LayerExtractor(target.Root, ExtractionLimits.ForBlob(target.Blob.SizeBytes), writer);
        return extractor.Extract(tar, target.OverlayMarkers, ct);
    }
}

/// <summary>What is to be unpacked where.</summary>
/// <param name="Root">An empty directory.</param>
internal sealed record UnpackTarget(SafeFileHandle Root, Descriptor Blob, Digest DiffId, bool OverlayMarkers)
{
    /// <summary>File that gets a line for each file of the layer, see <see cref="IndexLines"/>; null for none.</summary>
    public string? IndexPath { get; init; }
}

/// <summary>What is made of the blocks of a layer's archive.</summary>
/// <param name="Make">Takes all blocks, on a thread of its own. Of its faults only <see cref="InvalidDataException"/> lets the blob be received to its end.</param>
internal sealed record LayerWork<T>(Func<BlockReader, CancellationToken, T> Make)
{
    /// <summary>The archive inside the blob.</summary>
    public Func<Stream, Stream> Open { get; init; } = static blob => Decompression.Open(blob);
}
