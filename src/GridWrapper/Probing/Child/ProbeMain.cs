using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// The disposable child: <c>gridwrap __probe KIND ARGUMENT…</c>, answering on descriptor 3. It alone touches /cvmfs and other file systems that may hang;
/// when it does, it is killed or abandoned, and its parent goes on.
/// </summary>
internal static class ProbeMain
{
    internal const string CommandName = "__probe";

    internal const int AnswerDescriptor = 3;

    /// <param name="args">The whole command line, "__probe" first.</param>
    /// <param name="packed">Opens layers that are kept as their archives.</param>
    internal static int Run(string[] args, TreeOpener packed)
    {
        if (args.Length < 2)
        {
            return Diagnostics.ExitCodes.Usage;
        }

        _ = Libc.ProbeSignal(Libc.SIGTERM, 0);
        if (Libc.ProbeChangeDirectory("/") != 0)
        {
            return Diagnostics.ExitCodes.CannotRun;
        }

        return Answer(args[1], args.AsSpan(2), new ProbeOutput.ToDescriptor(AnswerDescriptor), packed) ? 0 : Diagnostics.ExitCodes.Usage;
    }

    /// <summary>Answers one question; false if it is not one of <see cref="ProbeKind"/>.</summary>
    internal static bool Answer(string kind, ReadOnlySpan<string> arguments, ProbeOutput output, TreeOpener? packed = null)
    {
        switch (kind, arguments.Length)
        {
            case (ProbeKind.Repository, 2):
                RepositoryCheck.Run(arguments[0], arguments[1], output);
                break;
            case (ProbeKind.Image, >= 3):
                ImageCheck.Run(new ImageQuestion(arguments[0], arguments[1], arguments[2], [.. arguments[3..]]), output);
                break;
            case (ProbeKind.Tree, 1):
                TreeCheck.Run(arguments[0], output);
                break;
            case (ProbeKind.Layers, >= 2):
                LayerCheck.Run(arguments[0], arguments[1] == "1", arguments[2..], output);
                break;
            case (ProbeKind.Markers, >= 3):
                MarkerWalk.Run(arguments[2..], MarkerWalk.Limits.Parse(arguments[0], arguments[1]), output);
                break;
            case (ProbeKind.Places, >= 2):
                int trees = int.Parse(arguments[0], CultureInfo.InvariantCulture);
                PlaceCheck.Run(arguments[1..(trees + 1)], arguments[(trees + 1)..], output);
                break;
            case (ProbeKind.Manifest, >= 1):
                MetadataCheck.Manifest(arguments[0], arguments[1..], output);
                break;
            case (ProbeKind.Configuration, 2):
                MetadataCheck.Configuration(arguments[0], arguments[1], output);
                break;
            case (ProbeKind.Program, >= 3):
                ProgramCheck.Run(ProgramQuestion.FromWords(arguments) with { Packed = packed }, output);
                break;
            case (ProbeKind.Path, 2):
                PathCheck.Run(arguments[0], arguments[1], output);
                break;
            case (ProbeKind.CopyFile, 4):
                CopyCheck.Run(arguments[0], arguments[1..3], arguments[3], output);
                break;
            case (ProbeKind.ImageLook, 4):
                ImageLookCheck.Run(arguments[0], arguments[1..3], arguments[3], output);
                break;
            case (ProbeKind.Runtime, >= 2):
                RuntimeCheck.Run(arguments[0], arguments[1..], output);
                break;
            case (ProbeKind.Inside, >= 1):
                InsideCheck.Run(InsideQuestion.FromWords(arguments.ToArray()) with { Packed = packed }, output);
                break;
            case (ProbeKind.Space, 1):
                SpaceCheck.Run(arguments[0], output);
                break;
            default:
                return false;
        }

        output.Say(ProbeOutput.EndKey, "1");
        return true;
    }
}
