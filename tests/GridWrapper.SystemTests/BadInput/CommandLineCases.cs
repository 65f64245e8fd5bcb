namespace GridWrapper.SystemTests.BadInput;

/// <summary>Command lines that are wrong.</summary>
internal static class CommandLineCases
{
    internal static IEnumerable<BadCase> All =>
    [
        Line("an unknown option with a near one", ["exec", "--bnd", "/a", "alpine", "--", "true"], "--bnd", "\"--bind\""),
        Line("an unknown option with nothing near", ["plan", "--frobnicate", "alpine"], "plan has no option --frobnicate"),
        Line("an unknown option behind --job", ["run", "--job", "x", "--no-reprot"], "\"--no-report\""),
        Line("a mistyped command", ["exce", "alpine", "true"], "'exce'", "\"exec\""),
        Line("a mistyped option alone", ["--verison"], "\"--version\""),
        Line("a command of a later version", ["doctor"], "doctor"),
        Line("an unknown subcommand", ["site", "shw"], "'shw'", "\"show\""),
        Line("an unknown strategy", ["exec", "--strategy", "magic", "alpine", "--", "true"], "magic", "cvmfs-flat", "registry"),
        Line("an unknown launcher", ["exec", "--launcher", "docker", "alpine", "--", "true"], "docker", "rootless", "apptainer"),
        Line("a bind without a source", ["exec", "--bind", ":/x", "alpine", "--", "true"], "--bind :/x", "SRC"),
        Line("a bind with a relative target", ["exec", "--bind", "/tmp:x", "alpine", "--", "true"], "absolute"),
        Line("a negative time limit", ["exec", "--timeout", "-1", "alpine", "--", "true"], "--timeout -1", "positive"),
        Line("a time limit in words", ["exec", "--timeout", "soon", "alpine", "--", "true"], "--timeout soon", "positive"),
        Line("a variable without a name", ["exec", "--env", "=x", "alpine", "--", "true"], "--env =x", "KEY=VALUE"),
        Line("several faults at once", ["exec", "--env", "x", "--timeout", "0", "--pwd", "here", "alpine", "--", "true"], "--env x", "--timeout 0", "--pwd here"),
        Line("a plan without an image", ["plan"], "IMAGE"),
        Line("an exec without an image", ["exec"], "IMAGE"),
        Line("a run of nothing", ["run"], "--job FILE"),
        Line("a run of two things", ["run", "--job", "x", "--pull-job"], "exactly one"),
        Line("a pull of a job without a server", ["run", "--pull-job"], "--server"),
        Line("a server that is no address", ["run", "--server", "pandaserver", "--job", "x"], "pandaserver", "https://"),
        Line("a work directory that is not there", ["exec", "--workdir", "/nowhere", "alpine", "--", "true"], "/nowhere"),
        Line("a result document in a directory that is not there", ["run", "--result", "/nowhere/r.json", "--job", "x"], "/nowhere/r.json"),
        Line("an option without its value", ["run", "--job"], "--job"),
        new() { Name = "a result that is none", Prepare = bed => ["report", bed.Write("r.json", "[")], Step = "read-result", Says = ["r.json", "JSON"] },
        new()
        {
            Name = "a file of credentials that is not there",
            Prepare = bed => ["exec", "--registry-config", "nowhere.json", bed.Keep(new ScriptedRegistry()).Serve(new TinyImage()), "--", "true"],
            Step = "read-registry-credentials",
            Pilot = 1103,
            Says = ["nowhere.json", "does not exist"],
        },
    ];

    private static BadCase Line(string name, string[] words, params string[] says) => new() { Name = name, Prepare = _ => words, Step = "command-line", Says = says };
}
