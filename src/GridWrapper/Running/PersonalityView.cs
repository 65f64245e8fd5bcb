using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Running;

/// <summary>One image by the rules of one personality. Pure.</summary>
internal sealed record PersonalityView
{
    /// <summary>Stands for whatever command the user gives.</summary>
    private const string Command = "CMD";

    public required string Name { get; init; }

    /// <summary>The launch would go by these rules.</summary>
    public required bool InForce { get; init; }

    /// <summary>Empty where there is nothing to run.</summary>
    public required ImmutableArray<string> WithoutCommand { get; init; }

    public required ImmutableArray<string> WithCommand { get; init; }

    public required string Directory { get; init; }

    public required ImmutableSortedDictionary<string, string> Environment { get; init; }

    /// <summary>Read inside by the image's shell; what they set is not in <see cref="Environment"/>.</summary>
    public required ImmutableArray<string> Scripts { get; init; }

    public required string User { get; init; }

    public required ImmutableArray<string> Volumes { get; init; }

    public required int StopSignal { get; init; }

    public required ImmutableArray<string> Notes { get; init; }

    internal string Home => Environment.GetValueOrDefault("HOME", "/");

    /// <summary>The two personalities, and what happens where nobody chose.</summary>
    internal static ImmutableArray<PersonalityView> All(LaunchRequest request)
    {
        (Personality Personality, string Name)[] all = [(Personality.Oci, "oci"), (Personality.Singularity, "singularity"), (Personality.ByCallStyle, "by call style")];
        return [.. all.Select(p => Of(request with { Personality = p.Personality }, p.Name, request.Personality == p.Personality))];
    }

    private static PersonalityView Of(LaunchRequest request, string name, bool inForce) => new()
    {
        Name = name,
        InForce = inForce,
        WithoutCommand = Argv(request with { Command = [] }),
        WithCommand = Argv(request with { Command = [Command] }),
        Directory = PayloadDirectory.Create(request),
        Environment = PayloadEnvironment.Create(request),
        Scripts = PersonalityRules.NeedsScripts(request) ? [.. request.Rootfs.Inside!.Scripts.Select(s => "/.singularity.d/env/" + s)] : [],
        User = string.Create(CultureInfo.InvariantCulture, $"{request.Plan.Host.Node.Uid}:{request.Plan.Host.Node.Gid}"),
        Volumes = [.. PersonalityRules.Volumes(request).Select(v => v.Target)],
        StopSignal = PersonalityRules.StopSignal(request),
        Notes = PersonalityNotes.Of(request),
    };

    private static ImmutableArray<string> Argv(LaunchRequest request)
    {
        try
        {
            return PayloadCommand.Create(request);
        }
        catch (GridWrapperException)
        {
            return [];
        }
    }
}
