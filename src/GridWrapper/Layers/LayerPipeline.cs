using System.IO.Pipelines;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Blob → digest → inflate → diffID → tar → files, streaming, in two halves joined by a bounded pipe: one receives and verifies,
/// the other (synchronous, on its own thread) unpacks. Nothing of the blob is kept.
/// </summary>
internal static class LayerPipeline
{
    private const int PauseBytes = 8 * 1024 * 1024;
    private const int ChunkBytes = 128 * 1024;

    /// <param name="blob">A stream that verifies the blob's size and digest.</param>
    /// <exception cref="InvalidDataException">The verified bytes are no proper layer, or not the one with this diffID.</exception>
    internal static async Task<LayerIndex> UnpackAsync(Stream blob, UnpackTarget target, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: PauseBytes, resumeWriterThreshold: PauseBytes / 2, minimumSegmentSize: ChunkBytes, useSynchronizationContext: false));
        Task receive = ReceiveAsync(blob, pipe.Writer, stop.Token);
        Task<LayerIndex> unpack = Task.Factory.StartNew(() => Unpack(pipe.Reader, target, stop), ct, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAll(receive, unpack).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        // Damaged bytes also break the unpacking; that the bytes were damaged is then the true reason.
        if (receive.IsFaulted)
        {
            await receive;
        }

        LayerIndex index = await unpack;
        await receive;
        return index;
    }

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

    private static LayerIndex Unpack(PipeReader reader, UnpackTarget target, CancellationTokenSource stop)
    {
        try
        {
            using Stream blob = reader.AsStream();
            using var tar = new DigestingStream(Decompression.Open(blob), ExtractionLimits.ForBlob(target.Blob.SizeBytes).MaxBytes);
            using var extractor = new LayerExtractor(target.Root, ExtractionLimits.ForBlob(target.Blob.SizeBytes));
            LayerIndex index = extractor.Extract(tar, target.OverlayMarkers, stop.Token);
            Digest diffId = tar.Finish(stop.Token);
            return diffId == target.DiffId
                ? index
                : throw new InvalidDataException($"it unpacks to a tar with the digest {diffId}, but the image configuration promises the diffID {target.DiffId}");
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            // The disk or a limit of this node: no reason to receive any more.
            stop.Cancel();
            throw;
        }
        finally
        {
            reader.Complete();
        }
    }
}

/// <summary>What is to be unpacked where.</summary>
/// <param name="Root">An empty directory.</param>
internal sealed record UnpackTarget(SafeFileHandle Root, Descriptor Blob, Digest DiffId, bool OverlayMarkers);
