using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Strategies;

namespace GridWrapper.Commands;

/// <summary>
/// `build --sandbox DIR IMAGE` and `pull FILE IMAGE`. Both bring the image into the node's cache; the first then copies the tree out of it, because a sandbox belongs to its
/// maker, who may change it. Neither is needed to run an image.
/// </summary>
internal static class ApptainerBuild
{
    /// <returns>The exit code.</returns>
    internal static async Task<int> BuildAsync(ApptainerWords words, RunSettings caller)
    {
        if (words.Rest is not [{ } target, { } image])
        {
            throw GridWrapperException.BadCommandLine("build needs TARGET and IMAGE");
        }

        if (!words.Has(ApptainerMeaning.Sandbox))
        {
            throw GridWrapperException.BadCommandLine("build makes a directory here (--sandbox); a SIF file is not made, because docker:// and the like run without one");
        }

        string directory = Path.GetFullPath(target, caller.WorkDirectory);
        if (Path.Exists(directory) && !(words.Has(ApptainerMeaning.Force) || IsEmpty(directory)))
        {
            throw GridWrapperException.BadCommandLine($"{directory} is there already; --force replaces it");
        }

        Rootfs rootfs = (await BringAsync(image, RootfsForm.Tree, caller)).Rootfs;
        if (Path.Exists(directory))
        {
            TreeRemover.Remove(directory);
        }

        await CopyAsync(rootfs.LowerDirectories.Single(), directory);
        return 0;
    }

    /// <returns>The exit code.</returns>
    internal static async Task<int> PullAsync(ApptainerWords words, RunSettings caller)
    {
        (string? file, string image) = words.Rest switch
        {
            [{ } only] => (null, only),
            [{ } name, { } second] => ((string?)name, second),
            _ => throw GridWrapperException.BadCommandLine("pull needs IMAGE, and may name a file before it"),
        };
        file ??= words.Last(ApptainerMeaning.Name) ?? FileName(image);
        string path = Path.GetFullPath(file, Path.GetFullPath(words.Last(ApptainerMeaning.Directory) ?? ".", caller.WorkDirectory));
        if (Path.Exists(path) && !words.Has(ApptainerMeaning.Force))
        {
            throw GridWrapperException.BadCommandLine($"{path} is there already; --force replaces it");
        }

        FetchedImage fetched = await BringAsync(image, null, caller);
        PulledImage.Write(path, Pinned(fetched.Prepared.Input.Image));
        return 0;
    }

    /// <param name="image">As the command line names it.</param>
    /// <param name="form">Null: as the launcher of this node likes it.</param>
    /// <param name="caller">The settings.</param>
    private static async Task<FetchedImage> BringAsync(string image, RootfsForm? form, RunSettings caller)
    {
        using SignalForwarding signals = new();
        using Composition parts = Composition.Create(caller);
        return await FetchedImage.BringAsync(parts, ApptainerFace.Reference(image, caller.WorkDirectory), form, signals.Cancelled);
    }

    /// <summary>The image by the digest that its name had when it was pulled.</summary>
    private static string Pinned(ImageFacts facts) => facts is { Reference: ImageReference.InRegistry named, Resolved: { } fact } && fact.IsKnown(out ResolvedImage resolved)
        ? $"docker://{named.Host}/{named.Repository}@{resolved.Manifest.Digest}"
        : facts.Reference.ToString()!;

    /// <summary>NAME_TAG.sif, as Apptainer calls it.</summary>
    private static string FileName(string image)
    {
        string last = image[(image.LastIndexOf('/') + 1)..].Split('@')[0];
        return last.Contains(':', StringComparison.Ordinal) ? last.Replace(':', '_') + ".sif" : last + "_latest.sif";
    }

    private static bool IsEmpty(string directory) => Directory.Exists(directory) && Directory.GetFileSystemEntries(directory).Length == 0;

    /// <summary>Names are bytes, holes are holes, and where the file system can share blocks it does: cp knows all that.</summary>
    private static async Task CopyAsync(string tree, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        ChildProcess child = ChildProcess.Start(new ChildSpec
        {
            Program = "/bin/cp",
            Argv = ["cp", "-R", "-P", "-p", "--reflink=auto", tree, target],
            Environment = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
        });
        ChildExit exit = await child.Exit;
        if (exit.Code != 0)
        {
            throw new GridWrapperException(new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Materialise,
                Step = "copy-sandbox",
                PilotErrorCode = PilotError.NoLocalSpace,
                Message = $"the tree {tree} could not be copied to {target}: cp ended with {exit.Code}; its own words stand above",
            });
        }
    }
}
