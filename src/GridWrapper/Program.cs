using GridWrapper.Commands;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper;

/// <summary>Parses, runs the command, maps an exception to an exit code. The only catch-all of the program.</summary>
internal static class Program
{
    internal static async Task<int> Main(string[] args)
    {
        DiagnosticSocket.Remove();
        if (args is ["__probe", ..])
        {
            return Probing.ProbeMain.Run(args, Strategies.PackedLook.Open);
        }

        string name = CalledAs.Name;
        try
        {
            return Faces.Of(name, args) is { } face ? await face.RunAsync() : await CommandLine.RunAsync(WordOrder.Normalise(name, [.. args]));
        }
        catch (GridWrapperException e)
        {
            return ErrorReport.Print(e.Failure);
        }
        catch (OperationCanceledException)
        {
            return ErrorReport.Print(ErrorReport.InterruptedBy(null));
        }
#pragma warning disable CA1031 // the last resort: whatever else happens is a defect, and it is told as one
        catch (Exception e)
#pragma warning restore CA1031
        {
            return ErrorReport.PrintDefect(e);
        }
    }
}
