using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.Running;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap report RESULT` for people, `gridwrap report --resend` for what could not be delivered.</summary>
internal static class ReportCommand
{
    private static readonly Option<bool> Resend = new("--resend") { Description = "deliver the updates that are left in the spool" };

    internal static Command Create()
    {
        Argument<string?> file = new("RESULT") { Description = "a gridwrap-result.json", Arity = ArgumentArity.ZeroOrOne };
        Command command = new("report", "Read a result for people, or deliver what is left in the spool. Example: gridwrap report gridwrap-result.json");
        command.Arguments.Add(file);
        command.Options.Add(Resend);
        CommandOptions.Add(command, [GlobalOptions.Server, .. GlobalOptions.Common]);

        command.SetAction(async (parsed, ct) =>
        {
            RunSettings settings = SettingsReader.Read(CommandOptions.Values(parsed));
            string? path = parsed.GetValue(file);
            if (parsed.GetValue(Resend) == (path is not null))
            {
                throw GridWrapperException.BadCommandLine("report takes a RESULT file or --resend. See gridwrap report --help");
            }

            return path is null ? await ResendAsync(settings, ct) : await ShowAsync(path, ct);
        });
        return command;
    }

    private static async Task<int> ResendAsync(RunSettings settings, CancellationToken ct)
    {
        if (settings.Server is null)
        {
            throw GridWrapperException.BadCommandLine("--resend needs --server URL, or a site profile that names one");
        }

        (_, UpdateSpool spool, PandaClient client) = ReportLink.Connect(settings, TimeProvider.System);
        using (client)
        {
            int waiting = spool.List().Length;
            int sent = waiting == 0 ? 0 : await spool.ResendAsync(client.Briefly, ct);
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{sent} of {waiting} updates delivered"));
            return sent == waiting ? 0 : ExitCodes.TryElsewhere;
        }
    }

    private static async Task<int> ShowAsync(string path, CancellationToken ct)
    {
        try
        {
            JObject result = JObject.Parse(await File.ReadAllTextAsync(path, ct));
            await Console.Out.WriteLineAsync(ResultText.Format(result).TrimEnd());
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw GridWrapperException.BadInput("read-result", $"{path} cannot be read as a result document: {(e is JsonException ? "it is not valid JSON" : FileTrouble.Describe(e))}");
        }
    }
}
