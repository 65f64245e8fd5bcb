using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Staging;

namespace GridWrapper.Commands;

/// <summary>A dry run for people, or as the JSON document.</summary>
internal static class DryRunOutput
{
    internal static void Print(DryRun run, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(DryRunDocument.Create(run).ToString());
            return;
        }

        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"image    {run.Prepared.Input.Image.Reference}");
        text.AppendLine(CultureInfo.InvariantCulture, $"command  {string.Join(' ', run.Command.Select(Quote))}");
        if (run.Job is { } job)
        {
            foreach (Jobs.OutputSpec output in job.Outputs)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"output   {output.Name} -> {output.Lfn}");
            }
        }

        text.Append(run.Storage is null ? "" : StorageText(run.Storage));
        text.AppendLine().Append(PlanText.Format(run.Prepared.Plan));
        if (run.Launch is { } launch)
        {
            Append(text, launch);
        }

        Console.Out.Write(text);
        foreach (string warning in run.Warnings)
        {
            Console.Error.WriteLine($"gridwrap: warning: {warning}");
        }

        if (run.Launch is null)
        {
            Console.Error.WriteLine(ErrorReport.Line(run.Prepared.WhyNothing));
        }
    }

    /// <summary>A line for each file that would travel.</summary>
    internal static string StorageText(StoragePlan plan) => string.Concat(
        plan.Inputs.Select(i => $"fetch    {i.Lfn} from {string.Join(", else ", i.Places)}\n")
            .Concat(plan.Outputs.Select(o => $"deliver  {o.Lfn} to {string.Join(", else ", o.Places)}\n")));

    private static void Append(StringBuilder text, LaunchSpec launch)
    {
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"launch by {launch.Launcher}, in {launch.WorkingDirectory}");
        if (!launch.UidMap.IsEmpty)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  uid map {string.Join("; ", launch.UidMap)}, gid map {string.Join("; ", launch.GidMap)}");
        }

        for (int i = 0; i < launch.Operations.Length; i++)
        {
            LaunchOperation o = launch.Operations[i];
            string options = o.Options.Length == 0 ? "" : $" ({o.Options})";
            string source = o.Source is null ? "" : Short(o.Source);
            text.AppendLine(CultureInfo.InvariantCulture, $"  {i + 1,3} {o.Op,-14} {source}{(o.Source is not null && o.Target is not null ? " -> " : "")}{o.Target}{options}");
        }

        foreach ((string name, string value) in launch.Environment)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"      {name}={value}");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"      exec {string.Join(' ', launch.Argv.Select(Quote))}");
    }

    /// <summary>File contents would drown the list.</summary>
    private static string Short(string text)
    {
        string line = text.ReplaceLineEndings("\\n");
        return line.Length <= 100 ? line : line[..97] + "...";
    }

    /// <summary>As a POSIX shell would need it.</summary>
    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "_-./:=@%+,".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
