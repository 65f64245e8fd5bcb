using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>A copy of an image file's squashfs in the cache, made by a disposable child, for files on file systems that this process must not touch. Gone with this object.</summary>
internal sealed class ImageFileCopy : IAsyncDisposable
{
    private readonly string _directory;
    private readonly DirectoryLease? _lease;

    private ImageFileCopy(ImageFile file, string directory, DirectoryLease? lease) => (File, _directory, _lease) = (file, directory, lease);

    /// <summary>The copy, with the identity of the original.</summary>
    internal ImageFile File { get; }

    /// <exception cref="GridWrapperException">It could not be read there.</exception>
    internal static async Task<ImageFileCopy> MakeAsync(ImageFile original, CacheDirectory cache, Source source, CancellationToken ct)
    {
        string directory = cache.Temporary($"image-{Guid.NewGuid():N}");
        Directory.CreateDirectory(directory);
        DirectoryLease? lease = DirectoryLease.TryShare(directory);
        string target = directory + "/image";
        ProbeReply reply = await source.Children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.CopyFile,
                Arguments = [original.Path, original.Offset.ToString(CultureInfo.InvariantCulture), original.SizeBytes.ToString(CultureInfo.InvariantCulture), target],
                FirstDeadline = TimeSpan.FromSeconds(source.Policy.FirstTouchSeconds),
                StepDeadline = TimeSpan.FromSeconds(source.Policy.FirstTouchSeconds),
                Repository = CvmfsPath.RepositoryOf(original.Path, source.Policy.Root) is { } name ? Path.Combine(source.Policy.Root, name) : null,
            },
            ct);
        string trouble = reply.End != ProbeEnd.Answered ? reply.Trouble : reply["errno"];
        if (trouble.Length == 0)
        {
            return new ImageFileCopy(original with { Path = target, Offset = 0 }, directory, lease);
        }

        lease?.Dispose();
        TreeRemover.Remove(directory);
        throw ImageFileFault.Unreadable(original.Path, new IOException($"copying it into the cache ended with {trouble}"));
    }

    public ValueTask DisposeAsync()
    {
        _lease?.Dispose();
        TreeRemover.Remove(_directory);
        return ValueTask.CompletedTask;
    }

    /// <summary>How the original is reached.</summary>
    internal sealed record Source(IProbeChildren Children, CvmfsPolicy Policy);
}
