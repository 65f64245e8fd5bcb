using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>What of an image's wishes this launch does not fulfil as its maker may expect. For people; pure.</summary>
internal static class PersonalityNotes
{
    internal static ImmutableArray<string> Of(LaunchRequest request) => [.. User(request), .. Volumes(request), .. Scripts(request), .. request.Gpu?.Notes ?? []];

    private static IEnumerable<string> User(LaunchRequest request)
    {
        if (PersonalityRules.Config(request) is not { User.Length: > 0 } config || PersonalityRules.Effective(request) == Personality.Singularity || config.User.Split(':')[0] is "" or "0" or "root")
        {
            yield break;
        }

        ImageUser? user = request.Rootfs.Inside?.User;
        long own = request.Plan.Host.Node.Uid;
        if (user?.Uid is { } uid && uid == own)
        {
            yield break;
        }

        string who = user is null ? config.User : user.Uid is { } known ? $"{config.User} (uid {known})" : $"{config.User}, whom its own passwd does not know,";
        yield return $"the image wants to run as {who}: it runs as you (uid {own}), the only uid there is";
        if (user is { HomeClosed: true })
        {
            yield return $"the home directory {user.Home} of {config.User} is closed to others: what the image keeps there may be out of reach";
        }
    }

    private static IEnumerable<string> Volumes(LaunchRequest request) =>
        PersonalityRules.Volumes(request).Where(v => request.Rootfs.Inside?.Places.GetValueOrDefault(v.Target) == InsidePlace.Directory)
            .Select(v => $"the image has files of its own in its volume {v.Target}: the run starts with an empty one; --writable shows them");

    private static IEnumerable<string> Scripts(LaunchRequest request) =>
        request.Rootfs is { Config: null, Inside: { Scripts.IsEmpty: false, HasShell: false } } && PersonalityRules.Effective(request) == Personality.Singularity
            ? ["the image has no /bin/sh that could read its /.singularity.d/env: only what a conversion from OCI wrote there counts"]
            : [];
}
