namespace GridWrapper.Commands;

/// <summary>One option of Apptainer's, under all its names.</summary>
/// <param name="Meaning">What it asks for.</param>
/// <param name="TakesValue">False for a switch.</param>
/// <param name="Names">With their dashes.</param>
internal sealed record ApptainerOption(ApptainerMeaning Meaning, bool TakesValue, params string[] Names)
{
    /// <summary>What follows APPTAINER_ and SINGULARITY_ in the variables that ask for the same; empty where there are none.</summary>
    public ImmutableArray<string> Variables { get; init; } = [];

    /// <summary>Of `exec`, `run` and `shell`. What always holds here (own pid, ipc and user namespaces, no privileges) is understood and needs nothing done.</summary>
    internal static readonly ImmutableArray<ApptainerOption> OfRun =
    [
        new(ApptainerMeaning.Holds, false, "-i", "--ipc"),
        new(ApptainerMeaning.Holds, false, "-p", "--pid"),
        new(ApptainerMeaning.Holds, false, "-u", "--userns"),
        new(ApptainerMeaning.Holds, false, "--no-privs"),
        new(ApptainerMeaning.Holds, false, "--no-init"),
        new(ApptainerMeaning.Holds, false, "--no-eval"),
        new(ApptainerMeaning.Holds, false, "--no-umask"),
        new(ApptainerMeaning.Holds, false, "--disable-cache"),
        new(ApptainerMeaning.Holds, false, "--unsquash"),
        new(ApptainerMeaning.CleanEnvironment, false, "-e", "--cleanenv") { Variables = ["CLEANENV"] },
        new(ApptainerMeaning.Contain, false, "-c", "--contain") { Variables = ["CONTAIN"] },
        new(ApptainerMeaning.ContainAll, false, "-C", "--containall") { Variables = ["CONTAINALL"] },
        new(ApptainerMeaning.Compat, false, "--compat") { Variables = ["COMPAT"] },
        new(ApptainerMeaning.FakeRoot, false, "-f", "--fakeroot") { Variables = ["FAKEROOT"] },
        new(ApptainerMeaning.Gpu, false, "--nv") { Variables = ["NV"] },
        new(ApptainerMeaning.Gpu, false, "--rocm") { Variables = ["ROCM"] },
        new(ApptainerMeaning.NoHome, false, "--no-home") { Variables = ["NO_HOME"] },
        new(ApptainerMeaning.WritableTmpfs, false, "--writable-tmpfs") { Variables = ["WRITABLE_TMPFS"] },
        new(ApptainerMeaning.Bind, true, "-B", "--bind") { Variables = ["BINDPATH", "BIND"] },
        new(ApptainerMeaning.Mount, true, "--mount") { Variables = ["MOUNT"] },
        new(ApptainerMeaning.Environment, true, "--env"),
        new(ApptainerMeaning.EnvironmentFile, true, "--env-file") { Variables = ["ENV_FILE"] },
        new(ApptainerMeaning.Home, true, "-H", "--home") { Variables = ["HOME"] },
        new(ApptainerMeaning.WorkDirectory, true, "-W", "--workdir") { Variables = ["WORKDIR"] },
        new(ApptainerMeaning.InitialDirectory, true, "--pwd", "--cwd") { Variables = ["PWD", "CWD"] },
        new(ApptainerMeaning.Scratch, true, "-S", "--scratch") { Variables = ["SCRATCH"] },
        new(ApptainerMeaning.NoMount, true, "--no-mount") { Variables = ["NO_MOUNT"] },
    ];

    /// <summary>Of `build` and `pull`.</summary>
    internal static readonly ImmutableArray<ApptainerOption> OfBuild =
    [
        new(ApptainerMeaning.Sandbox, false, "-s", "--sandbox"),
        new(ApptainerMeaning.Force, false, "-F", "--force"),
        new(ApptainerMeaning.Holds, false, "--fix-perms"),
        new(ApptainerMeaning.Holds, false, "--disable-cache"),
        new(ApptainerMeaning.Holds, false, "--no-cleanup"),
        new(ApptainerMeaning.Holds, false, "-f", "--fakeroot"),
        new(ApptainerMeaning.Holds, false, "-u", "--userns"),
        new(ApptainerMeaning.Directory, true, "--dir"),
        new(ApptainerMeaning.Name, true, "--name"),
    ];

    /// <summary>Of `inspect`.</summary>
    internal static readonly ImmutableArray<ApptainerOption> OfInspect =
    [
        new(ApptainerMeaning.Labels, false, "-l", "--labels"),
        new(ApptainerMeaning.EnvironmentOfImage, false, "-e", "--environment"),
        new(ApptainerMeaning.Runscript, false, "-r", "--runscript"),
        new(ApptainerMeaning.Json, false, "-j", "--json"),
    ];

    /// <summary>Of `remote login`, `registry login` and their opposite.</summary>
    internal static readonly ImmutableArray<ApptainerOption> OfLogin =
    [
        new(ApptainerMeaning.User, true, "-u", "--username"),
        new(ApptainerMeaning.Password, true, "-p", "--password"),
        new(ApptainerMeaning.PasswordFromInput, false, "--password-stdin"),
        new(ApptainerMeaning.Holds, false, "-i", "--insecure"),
        new(ApptainerMeaning.AuthenticationFile, true, "--authfile"),
    ];

    /// <summary>Before the verb.</summary>
    internal static readonly ImmutableArray<ApptainerOption> BeforeVerb =
    [
        new(ApptainerMeaning.Quiet, false, "-s", "--silent"),
        new(ApptainerMeaning.Quiet, false, "-q", "--quiet"),
        new(ApptainerMeaning.Verbose, false, "-v", "--verbose"),
        new(ApptainerMeaning.Debug, false, "-d", "--debug"),
        new(ApptainerMeaning.Holds, false, "--nocolor"),
        new(ApptainerMeaning.Version, false, "--version"),
        new(ApptainerMeaning.Help, false, "-h", "--help"),
    ];
}

/// <summary>What options of Apptainer's ask for.</summary>
internal enum ApptainerMeaning
{
    /// <summary>It holds here anyway, or is about something that is not done here.</summary>
    Holds,
    Quiet,
    Verbose,
    Debug,
    Version,
    Help,
    CleanEnvironment,
    Contain,
    ContainAll,
    Compat,
    FakeRoot,
    Gpu,
    NoHome,
    WritableTmpfs,
    Bind,
    Mount,
    Environment,
    EnvironmentFile,
    Home,
    WorkDirectory,
    InitialDirectory,
    Scratch,
    NoMount,
    Sandbox,
    Force,
    Directory,
    Name,
    Labels,
    EnvironmentOfImage,
    Runscript,
    Json,
    User,
    Password,
    PasswordFromInput,
    AuthenticationFile,
}
