using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>
/// A PanDA job for the miniature image, as `acquire_jobs` of the v1 API hands it out. Its payload needs nothing but a POSIX shell's builtins: it
/// reads a file of the sandbox, the image's marker and its own uid, and writes them to out.json.
/// </summary>
internal sealed record MiniatureJob
{
    /// <summary>What the payload is told to say.</summary>
    internal const string Greeting = "hello from PanDA, 100% in a container";

    /// <summary>Content of the sandbox's note.txt, without newline.</summary>
    internal const string Note = "brought along in the sandbox";

    /// <summary>The file the payload produces, before it gets its LFN.</summary>
    internal const string OutputName = "out.json";

    private const string Owner = "user.tester";

    private const string Script = """
        #!/bin/sh
        # greet.sh GREETING: prints a JSON document about where it runs, with builtins only.
        uid=unknown
        if [ -r /proc/self/status ]; then
            while read -r key value rest; do
                if [ "$key" = Uid: ]; then uid=$value; fi
            done </proc/self/status
        fi
        marker=none
        if [ -r /srv/marker ]; then read -r marker </srv/marker; fi
        note=none
        if [ -r note.txt ]; then read -r note <note.txt; fi
        printf '{"greeting":"%s","marker":"%s","uid":"%s","note":"%s","directory":"%s","miniature":"%s"}\n' \
            "$1" "$marker" "$uid" "$note" "$(pwd)" "${GRIDWRAP_MINIATURE:-}"

        """;

    public required long PandaId { get; init; }

    public required long TaskId { get; init; }

    /// <summary>As a user writes it, e.g. docker://127.0.0.1:5000/miniature:1 or an absolute path.</summary>
    public required string Image { get; init; }

    /// <summary>Server of the sandbox cache: the tarball is at URL/cache/<see cref="SandboxFile"/>.</summary>
    public required Uri SourceUrl { get; init; }

    /// <summary>Names the sandbox; any value will do.</summary>
    public required Guid SandboxId { get; init; }

    public int Attempt { get; init; } = 1;

    internal string SandboxFile => $"jobO.{SandboxId:D}.tar.gz";

    internal string OutputLfn => string.Create(CultureInfo.InvariantCulture, $"{Owner}.{TaskId}._000001.{OutputName}");

    internal string LogLfn => string.Create(CultureInfo.InvariantCulture, $"{Owner}.miniature.log.{TaskId}.000001.log.tgz");

    /// <summary>The payload's shell text, before percent-encoding.</summary>
    internal static string Exec => $"./greet.sh \"{Greeting}\" > {OutputName} && ls -l 2>/dev/null; test -s {OutputName}";

    /// <summary>The transform's argument string as prun and JEDI write it, with its trailing blank.</summary>
    internal string JobParameters =>
        $"-j \"\" --sourceURL {SourceUrl.GetLeftPart(UriPartial.Authority)} -r . -a {SandboxFile} -o \"{{'{OutputName}': '{OutputLfn}'}}\" "
        + $"-p \"{PercentEncode(Exec)}\" --containerImage {Image} ";

    /// <summary>The user's tarball: the script and a file that it reads.</summary>
    internal static byte[] Sandbox()
    {
        MiniatureEntry[] entries =
        [
            new MiniatureEntry.Folder("."),
            MiniatureEntry.Text("./greet.sh", Script, MiniatureEntry.Executable),
            MiniatureEntry.Text("./note.txt", Note + "\n"),
        ];
        return MiniatureLayer.Compress(MiniatureLayer.WriteTar(entries));
    }

    /// <summary>The job object: one element of `data.jobs`.</summary>
    internal string ToJson() => ToJObject().ToString(Formatting.Indented);

    private JObject ToJObject() => new()
    {
        ["StatusCode"] = 0,
        ["PandaID"] = PandaId,
        ["taskID"] = TaskId,
        ["jobsetID"] = "NULL",
        ["reqID"] = TaskId,
        ["jobDefinitionID"] = 0,
        ["jobName"] = string.Create(CultureInfo.InvariantCulture, $"{Owner}.miniature.{TaskId}/.{PandaId}"),
        ["attemptNr"] = Attempt,
        ["nSent"] = 1,
        ["prodSourceLabel"] = "user",
        ["processingType"] = "panda-client-1.6.10-jedi-cont",
        ["transformation"] = "http://pandaserver.cern.ch:25080/trf/user/runcontainer",
        ["swRelease"] = "NULL",
        ["homepackage"] = "NULL",
        ["cmtConfig"] = "NULL",
        ["jobPars"] = JobParameters,
        ["container_name"] = Image,
        ["prodUserID"] = "tester",
        ["inFiles"] = "",
        ["GUID"] = "",
        ["checksum"] = "",
        ["fsize"] = "",
        ["scopeIn"] = "",
        ["ddmEndPointIn"] = "",
        ["realDatasetsIn"] = "",
        ["prodDBlocks"] = "",
        ["outFiles"] = $"{OutputLfn},{LogLfn}",
        ["scopeOut"] = Owner,
        ["scopeLog"] = Owner,
        ["logFile"] = LogLfn,
        ["logGUID"] = LogGuid().ToString("D"),
        ["destinationDblock"] = $"{Owner}.miniature_{OutputName}.1,{Owner}.miniature.log.1",
        ["realDatasets"] = $"{Owner}.miniature_{OutputName}/,{Owner}.miniature.log/",
        ["dispatchDBlockTokenForOut"] = "NULL,NULL",
        ["destinationDBlockToken"] = "NULL,NULL",
        ["ddmEndPointOut"] = ",",
        ["fileDestinationSE"] = "NULL,NULL",
        ["coreCount"] = 1,
        ["minRamCount"] = 2000,
        ["maxDiskCount"] = 500,
        ["maxCpuCount"] = 3600,
        ["maxWalltime"] = 3600,
        ["resource_type"] = "SCORE",
        ["currentPriority"] = 1000,
        ["transferType"] = "NULL",
        ["ioIntensity"] = null,
        ["sourceSite"] = "NULL",
        ["cloud"] = "NULL",
    };

    /// <summary>Another GUID that depends on the sandbox's only.</summary>
    private Guid LogGuid()
    {
        byte[] bytes = SandboxId.ToByteArray();
        bytes[0] ^= 0xff;
        return new Guid(bytes);
    }

    /// <summary>Python's quote(): letters, digits and _.-~/ stay.</summary>
    internal static string PercentEncode(string text) => Uri.EscapeDataString(text).Replace("%2F", "/", StringComparison.Ordinal);
}
