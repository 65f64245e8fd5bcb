namespace GridWrapper.Jobs;

/// <summary>The options that prun writes and the transforms runcontainer, runGen and runAthena read, old ones included.</summary>
internal static class JobOptionTable
{
    private static readonly JobOptionSpec[] Specs =
    [
        Own("-j", JobOption.Skipped, true),
        Own("-r", JobOption.RunDirectory, true),
        Own("-a", JobOption.Archive, true),
        Own("-l", JobOption.Library, true),
        Own("-o", JobOption.OutputMap, true),
        Own("-i", JobOption.Inputs, true),
        Own("-p", JobOption.Exec, true),
        Own("--sourceURL", JobOption.SourceUrl, true),
        Own("--inMap", JobOption.InMap, true),
        Own("--containerImage", JobOption.ContainerImage, true),
        Own("--cvmfs", JobOption.Cvmfs, false),
        Own("--noX509", JobOption.NoX509, false),
        Own("--datadir", JobOption.DataDirectory, true),
        Own("--workdir", JobOption.WorkDirectory, true),
        Own("--debug", JobOption.Debug, false),
        Own("--env", JobOption.Skipped, true),
        Own("--runtime-version", JobOption.Skipped, true),
        Own("--writeInputToTxt", JobOption.WriteInputToTxt, true),
        Other("--outMap", JobOption.OutputMap, true),
        Other("--useCentralRegistry", JobOption.Skipped, false),
        Other("--preprocess", JobOption.Skipped, false),
        Other("--postprocess", JobOption.Skipped, false),
        Other("--fileToSave", JobOption.Skipped, true),
        Other("--fileToLoad", JobOption.Skipped, true),
        Other("--givenPFN", JobOption.Skipped, false),
        Other("--execWithRealFileNames", JobOption.Skipped, false),
        Other("--useAthenaPackages", JobOption.Skipped, false),
        Other("--useCMake", JobOption.Skipped, false),
        Other("--useRootCore", JobOption.Skipped, false),
        Other("--rootVer", JobOption.Skipped, true),
        Other("--cmtConfig", JobOption.Skipped, true),
        Other("--overwriteQueuedata", JobOption.Skipped, true),
        Other("--overwriteQueueData", JobOption.Skipped, true),
        Other("--overwriteStorageData", JobOption.Skipped, true),
        Other("--accessmode", JobOption.Skipped, true),
        Other("--useLocalIO", JobOption.Skipped, false),
        Other("--inputGUIDs", JobOption.Skipped, true),
        Other("--oldPrefix", JobOption.Skipped, true),
        Other("--newPrefix", JobOption.Skipped, true),
        Other("--directIn", JobOption.Skipped, false),
        Other("--lfcHost", JobOption.Skipped, true),
        Other("--inputFileCount", JobOption.Skipped, true),
    ];

    internal static JobOptionSpec? Short(char letter) => Array.Find(Specs, spec => spec.Name.Length == 2 && spec.Name[1] == letter);

    /// <summary>
    /// The long options that a name may stand for: the one it is, else those it abbreviates. More than one only if it is ambiguous, none if it is unknown.
    /// </summary>
    internal static JobOptionSpec[] Long(string name)
    {
        JobOptionSpec? exact = Array.Find(Specs, spec => spec.Name == name);
        if (exact is not null || name.Length < 3)
        {
            return exact is null ? [] : [exact];
        }

        JobOptionSpec[] all = Array.FindAll(Specs, spec => spec.Name.StartsWith(name, StringComparison.Ordinal));
        JobOptionSpec[] own = Array.FindAll(all, spec => spec.OfRunContainer);
        return own.Length == 1 ? own : all;
    }

    /// <summary>The known option that differs from an unknown one only in case; the commonest slip.</summary>
    internal static string? Nearest(string name) => Array.Find(Specs, spec => spec.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Name;

    private static JobOptionSpec Own(string name, JobOption option, bool takesValue) => new(name, option, takesValue) { OfRunContainer = true };

    private static JobOptionSpec Other(string name, JobOption option, bool takesValue) => new(name, option, takesValue);
}
