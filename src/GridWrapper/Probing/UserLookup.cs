namespace GridWrapper.Probing;

/// <summary>Resolves the User of an image's configuration, "name|uid[:group|gid]", in the texts of the image's passwd and group (image-spec, config.md). Pure.</summary>
internal static class UserLookup
{
    /// <param name="asked">As the configuration has it; empty means root.</param>
    /// <param name="passwd">The image's /etc/passwd, empty where it has none.</param>
    /// <param name="group">The image's /etc/group.</param>
    internal static ImageUser Resolve(string asked, string passwd, string group)
    {
        int colon = asked.IndexOf(':', StringComparison.Ordinal);
        string user = colon < 0 ? asked : asked[..colon];
        string wanted = colon < 0 ? "" : asked[(colon + 1)..];
        user = user.Length == 0 ? "0" : user;

        // A name that is a number is looked up as a name first, as Docker does.
        string[]? entry = Find(passwd, 0, user) ?? (Number(user) is not null ? Find(passwd, 2, user) : null);
        long? uid = entry is not null ? Number(entry[2]) : Number(user);
        long? gid = wanted.Length > 0
            ? Find(group, 0, wanted) is { } named ? Number(named[2]) : Number(wanted)
            : entry is not null ? Number(entry[3]) : uid is null ? null : 0;
        return new ImageUser(asked, uid, gid, entry is { Length: > 5 } ? entry[5] : "", HomeClosed: false);
    }

    private static string[]? Find(string text, int field, string value)
    {
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split(':');
            if (fields.Length >= 4 && fields[field] == value)
            {
                return fields;
            }
        }

        return null;
    }

    private static long? Number(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;
}
