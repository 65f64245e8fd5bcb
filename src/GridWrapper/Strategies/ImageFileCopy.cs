using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>A copy of an image file's squashfs in the cache, made by a disposable child, for files on file systems that this process must not touch. Gone with this object.</summary>
internal sealed class ImageFileCopy : IDisposable
{
    private readonly WorkDirectory _work;

    private ImageFileCopy(ImageFile file, WorkDirectory work) => (File, _work) = (file, work);

    /// <summary>The copy, with the identity of the original.</summary>
    internal ImageFile File { get; }

    /// <exception cref="GridWrapperException">It could not be read there.</exception>
    internal static async Task<ImageFileCopy> MakeAsync(ImageFile original, CacheDirectory cache, Source source, CancellationToken ct)
    {
        WorkDirectory work = WorkDirectory.Make(cache, "image");
        try
        {
            string target = work.Path + "/image";
            await CopyAsync(original, target, source, ct);
            return new ImageFileCopy(original with { Path = target, Offset = 0 }, work);
        }
        catch
        {
            work.Dispose();
            throw;
        }
    }

    public void Dispose() => _work.Dispose();

    private static async Task CopyAsync(ImageFile original, string target, Source source, CancellationToken ct)
    {
        ProbeReply reply = await source.Children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.CopyFile,
                Arguments = [original.Path, original.Offset.ToString(CultureInfo.InvariantCulture), original.SizeBytes.ToString(CultureInfo.InvariantCulture), target],
                FirstDeadline = TimeSpan.FromSeconds(source.Policy.FirstTouchSeconds),
                StepDeadline = TimeSpan.FromSeconds(source.Policy.FirstTouchSeconds),
                Repository = CvmfsPath.RepositoryDirectory(source.Policy.Root, original.Path),
            },
            ct);
        string trouble = reply.End != ProbeEnd.Answered ? reply.Trouble : reply["errno"];
        if (trouble.Length > 0)
        {
            throw ImageFileFault.Unreadable(original.Path, new IOException($"copying it into the cache ended with {trouble}"));
        }
    }

    /// <summary>How the original is reached.</summary>
    internal sealed record Source(IProbeChildren Children, CvmfsPolicy Policy);
}
