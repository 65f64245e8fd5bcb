using GridWrapper.Diagnostics;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>gridwrap called as `apptainer` or `singularity`: the part of their command line that pilots use, with its meaning.</summary>
internal static class ApptainerFace
{
    private const string Help = """
        gridwrap, called by Apptainer's name. What it understands:
          [-s|-q|-v|-d] exec|run|shell [OPTIONS] IMAGE [CMD…]
          build [--sandbox] [--force] TARGET IMAGE, pull [--force] [FILE] IMAGE, inspect [-l|-e|-r] [-j] IMAGE
          version, --version, cache clean
        Options and differences: docs/personalities.md. Everything else: gridwrap --help
        """;

    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(Face.Apptainer call)
    {
        try
        {
            ApptainerWords leading = ApptainerWords.Read(call.Name, ApptainerOption.BeforeVerb, call.Words);
            if (leading.Has(ApptainerMeaning.Version))
            {
                await Console.Out.WriteLineAsync($"{call.Name} version {Version(call.Name)}");
                return 0;
            }

            return leading.Has(ApptainerMeaning.Help) || leading.Rest is [] or ["help", ..]
                ? Print(Help)
                : await VerbAsync(call.Name, leading.Rest, Settings(leading));
        }
        catch (GridWrapperException e)
        {
            return ErrorReport.PrintFatal(e.Failure);
        }
    }

    /// <summary>Callers read features off these numbers: Singularity 3 and Apptainer 1 count differently for the same.</summary>
    private static string Version(string name) => $"{(name == "singularity" ? "3.11.5" : "1.4.5")}-{Probing.RuntimeProbe.FaceMark}{ProductVersion.Number}";

    private static RunSettings Settings(ApptainerWords leading)
    {
        OptionValues given = new();
        if (leading.Has(ApptainerMeaning.Quiet))
        {
            given.Add(GlobalOptions.Quiet, "true");
        }

        if (leading.Has(ApptainerMeaning.Debug) || leading.Has(ApptainerMeaning.Verbose))
        {
            given.Add(GlobalOptions.LogLevel, leading.Has(ApptainerMeaning.Debug) ? "debug" : "info");
        }

        return ApptainerCaller.Create(given);
    }

    private static Task<int> VerbAsync(string name, ImmutableArray<string> words, RunSettings caller) => words[0] switch
    {
        "exec" or "run" or "shell" => LaunchAsync(words[0], words[1..], caller),
        "build" => ApptainerBuild.BuildAsync(ApptainerWords.Read("build", ApptainerOption.OfBuild, words[1..]), caller),
        "pull" => ApptainerBuild.PullAsync(ApptainerWords.Read("pull", ApptainerOption.OfBuild, words[1..]), caller),
        "inspect" => ApptainerInspect.RunAsync(ApptainerWords.Read("inspect", ApptainerOption.OfInspect, words[1..]), caller),
        "version" => Task.FromResult(Print(Version(name))),

        "remote" or "registry" when words is [_, "login", ..] => ApptainerLogin.LoginAsync(ApptainerWords.Read("login", ApptainerOption.OfLogin, words[2..]), caller),
        "remote" or "registry" when words is [_, "logout", ..] => Task.FromResult(ApptainerLogin.Logout(ApptainerWords.Read("logout", ApptainerOption.OfLogin, words[2..]), caller)),

        // Layers are removed by `gridwrap cache gc` and by the limit of the profile, never while a job may be about to use them.
        "cache" when words is [_, "clean", ..] => Task.FromResult(0),
        _ => throw GridWrapperException.BadCommandLine(
            $"{name} {words[0]} is not among what gridwrap understands when it is called as Apptainer{NearestName.Hint(words[0], ["exec", "run", "shell", "build", "pull", "inspect", "version"])}"),
    };

    private static Task<int> LaunchAsync(string verb, ImmutableArray<string> words, RunSettings caller)
    {
        ApptainerWords read = ApptainerWords.Read(verb, ApptainerOption.OfRun, words).With(ApptainerOption.OfRun, caller.Environment);
        if (read.Rest is not [{ } image, .. { } command] || (verb == "exec" && command.IsEmpty))
        {
            throw GridWrapperException.BadCommandLine($"{verb} needs IMAGE{(verb == "exec" ? " and a command" : "")}");
        }

        ApptainerSettings apptainer = new(read, caller);
        RunSettings settings = apptainer.Create(runsImage: verb == "run");
        foreach (string directory in apptainer.DirectoriesToMake())
        {
            Directory.CreateDirectory(directory);
        }

        string reference = Reference(image, caller.WorkDirectory);
        return verb == "shell"
            ? ExecCommand.RunAsync(ImageShell.With(settings, reference), reference, ImageShell.Command, CancellationToken.None)
            : ExecCommand.RunAsync(settings, reference, command, CancellationToken.None);
    }

    /// <summary>A bare word is a path here, and a file that `pull` wrote stands for its image.</summary>
    internal static string Reference(string image, string here)
    {
        int colon = image.IndexOf(':', StringComparison.Ordinal);
        bool scheme = colon > 0 && (image.AsSpan(colon).StartsWith("://") || image[..colon] is "oci" or "oci-archive" or "docker-archive");
        if (scheme || image.Length == 0)
        {
            return image;
        }

        string path = Path.GetFullPath(image, here);
        return PulledImage.Read(path) ?? path;
    }

    private static int Print(string text)
    {
        Console.Out.WriteLine(text);
        return 0;
    }
}
