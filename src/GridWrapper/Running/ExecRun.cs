using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Strategies;
using GridWrapper.Watching;

namespace GridWrapper.Running;

/// <summary>One command in one image, without a job around it.</summary>
/// <param name="composition">Makes the parts of the full way, where it is needed.</param>
/// <param name="settings">What was decided.</param>
internal sealed class ExecRun(Func<Composition> composition, RunSettings settings)
{
    internal async Task<ImageOutcome> RunAsync(string image, ImmutableArray<string> words, StopSource stop, CancellationToken ct)
    {
        ImageReference reference = ImageReferenceParser.Parse(image, settings.WorkDirectory);
        WatchOptions? watch = LimitChoice.ForCommand(settings);
        DirectLaunch direct = new(settings);
        if (watch is null && direct.Prepare(reference) is { } assumed)
        {
            new CacheDirectory(settings.CacheDirectory).Claim();
            using ScratchDirectory own = ScratchDirectory.Create(settings.CacheDirectory);
            LaunchRequest request = Compose(assumed, DirectLaunch.Rootfs(assumed), words, own.Path);
            if (!request.EmptyDirectories.IsEmpty)
            {
                VolumeDirectories.Prepare(request);
            }

            if (direct.Try(assumed, request, Control(stop), ct) is { } done)
            {
                return done;
            }
        }

        Composition parts = composition();
        Prepared prepared = await parts.Surveyor.PrepareAsync(reference, everything: false, ct);
        if (prepared.Plan.Chosen is null)
        {
            return await parts.Runner.RunAsync(prepared, _ => throw new System.Diagnostics.UnreachableException(), Control(stop), ct);
        }

        new CacheDirectory(settings.CacheDirectory).Prepare();
        using ScratchDirectory scratch = ScratchDirectory.Create(settings.CacheDirectory);
        RunControl control = Control(stop) with { Watch = watch is null ? null : watch with { ScratchDirectory = scratch.Path } };
        return await parts.Runner.RunAsync(prepared, rootfs => Compose(prepared, rootfs, words, scratch.Path), control, ct);
    }

    /// <summary>The same plan and the same launch, printed instead of executed.</summary>
    internal async Task<DryRun> DryRunAsync(string image, ImmutableArray<string> words, CancellationToken ct)
    {
        ImageReference reference = ImageReferenceParser.Parse(image, settings.WorkDirectory);
        Composition parts = composition();
        Prepared prepared = await parts.Surveyor.PrepareAsync(reference, everything: true, ct);
        string scratch = ScratchDirectory.Name(settings.CacheDirectory);
        LaunchRequest? request = await parts.PredictRequestAsync(prepared, rootfs => Compose(prepared, rootfs, words, scratch), ct);
        LaunchSpec? launch = request is null ? null : parts.Launcher(prepared.Plan.Chosen!.Launcher).Build(request);
        return new DryRun(null, request is null ? words : PayloadCommand.Create(request), prepared, launch, request is null ? [] : PersonalityNotes.Of(request));
    }

    private RunControl Control(StopSource stop) => new() { Grace = TimeSpan.FromSeconds(settings.Site.GraceSeconds), Timeout = settings.Timeout, Stop = stop };

    private LaunchRequest Compose(Prepared prepared, Rootfs rootfs, ImmutableArray<string> words, string scratch) =>
        LaunchComposer.WithVariables(LaunchComposer.Compose(settings, prepared.Input, rootfs, scratch), settings, []) with
        {
            Command = words,
            InitialDirectory = settings.InitialDirectory,
            HideJobDirectory = settings.AsApptainer is { HideWorkDirectory: true },
            EmptyDirectories = settings.AsApptainer?.EmptyDirectories ?? [],
            RunsImage = settings.AsApptainer is { RunsImage: true },
            Terminal = Linux.Terminal.IsInteractive,
        };
}
