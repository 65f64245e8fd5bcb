namespace GridWrapper.SelfTest;

/// <summary>
/// What DUCC puts into a flattened root filesystem so that Apptainer takes it for one of its own: .singularity.d with environment and run script, links in the
/// root directory, and the mount points that may be missing. The scripts are as short as their purpose allows.
/// </summary>
internal static class DuccAdditions
{
    private const string Base = ".singularity.d";

    private static readonly ImmutableArray<string> s_folders =
        [Base, Base + "/actions", Base + "/env", Base + "/libs", "dev", "etc", "home", "proc", "root", "sys", "tmp", "var", "var/tmp"];

    /// <summary>Parents before children; entries that the image has already are to be skipped.</summary>
    internal static ImmutableArray<MiniatureEntry> Entries() =>
    [
        .. s_folders.Select(d => new MiniatureEntry.Folder(d)),
        Script("actions/exec", ReadEnvironment + "exec \"$@\"\n"),
        Script("actions/run", ReadEnvironment + "exec /.singularity.d/runscript \"$@\"\n"),
        Script("actions/shell", ReadEnvironment + "exec /bin/sh \"$@\"\n"),
        Script("actions/start", ReadEnvironment + "exec /.singularity.d/startscript \"$@\"\n"),
        Script("actions/test", ReadEnvironment + "exec /bin/sh \"$@\"\n"),
        Script("env/01-base.sh", "#!/bin/sh\n"),
        Script("env/10-docker2singularity.sh", EnvironmentScript()),
        Script("env/90-environment.sh", "#!/bin/sh\n"),
        Script("env/95-apps.sh", "#!/bin/sh\n"),
        Script("env/99-base.sh", "#!/bin/sh\n"),
        Script("env/99-runtimevars.sh", "#!/bin/sh\n"),
        Script("runscript", RunScript()),
        Script("startscript", "#!/bin/sh\n"),
        new MiniatureEntry.SymbolicLink("singularity", Base + "/runscript"),
        new MiniatureEntry.SymbolicLink(".run", Base + "/actions/run"),
        new MiniatureEntry.SymbolicLink(".exec", Base + "/actions/exec"),
        new MiniatureEntry.SymbolicLink(".test", Base + "/actions/test"),
        new MiniatureEntry.SymbolicLink(".shell", Base + "/actions/shell"),
        new MiniatureEntry.SymbolicLink("environment", Base + "/env/90-environment.sh"),
        MiniatureEntry.Text("etc/hosts", ""),
        MiniatureEntry.Text("etc/resolv.conf", ""),
    ];

    private const string ReadEnvironment = "#!/bin/sh\nfor script in /.singularity.d/env/*.sh; do . \"$script\"; done\n";

    private static MiniatureEntry.RegularFile Script(string name, string text) => MiniatureEntry.Text($"{Base}/{name}", text, MiniatureEntry.Executable);

    /// <summary>PATH is set; everything else only where it is not set yet.</summary>
    private static string EnvironmentScript()
    {
        StringBuilder script = new("#!/bin/sh\n");
        foreach (string variable in MiniatureImage.Environment)
        {
            int equals = variable.IndexOf('=', StringComparison.Ordinal);
            (string name, string value) = (variable[..equals], variable[(equals + 1)..]);
            script.Append(name == "PATH" ? $"export PATH=\"{value}\"\n" : $"export {name}=\"${{{name}:-\"{value}\"}}\"\n");
        }

        return script.ToString();
    }

    private static string RunScript()
    {
        string command = string.Join(' ', MiniatureImage.Command.Select(word => $"\"{word}\""));
        return $"#!/bin/sh\nOCI_ENTRYPOINT=''\nOCI_CMD='{command}'\nif [ $# -gt 0 ]; then exec \"$@\"; fi\neval \"exec $OCI_ENTRYPOINT $OCI_CMD\"\n";
    }
}
