namespace GridWrapper.SystemTests.BadInput;

/// <summary>Site profiles that are wrong: the site has to act, and it is told everything at once.</summary>
internal static class ProfileCases
{
    internal static IEnumerable<BadCase> All =>
    [
        Profile("profile with an unknown key", """{"name": "x", "maxWallSecond": 5}""", "maxWallSecond: unknown key", "\"maxWallSeconds\""),
        Profile("profile with a wrong type", """{"name": "x", "maxWallSeconds": "long"}""", "maxWallSeconds", "a number", "\"long\""),
        Profile("profile with a value out of range", """{"name": "x", "maxWallSeconds": -1}""", "maxWallSeconds"),
        Profile("profile that is no JSON", """{"name": "x", """, "not valid JSON"),
        Profile("profile that is empty", "", "profile.json", "it is empty"),
        Profile("profile with two faults", """{"name": "x", "strategys": [], "cvmfs": {"rot": 1}}""", "\"strategies\"", "cvmfs.rot", "2 faults"),
        Profile("profile with an unknown strategy", """{"name": "x", "strategies": ["magic"]}""", "magic"),
        new() { Name = "profile that is not there", Prepare = _ => ["plan", "--site", "nowhere.json", "alpine"], Blame = "site", Step = "site-profile", Pilot = 1110, Says = ["nowhere.json", "ENOENT"] },
        new() { Name = "profile with a mistyped name", Prepare = _ => ["plan", "--site", "laptp", "alpine"], Blame = "site", Step = "site-profile", Pilot = 1110, Says = ["\"laptop\""] },
        new() { Name = "profile that is a directory", Prepare = _ => ["plan", "--site", "/tmp", "alpine"], Blame = "site", Step = "site-profile", Pilot = 1110, Says = ["/tmp", "directory"] },
    ];

    private static BadCase Profile(string name, string text, params string[] says) =>
        new() { Name = name, Prepare = bed => ["plan", "--site", bed.Write("profile.json", text), "alpine"], Blame = "site", Step = "site-profile", Pilot = 1110, Says = says };
}
