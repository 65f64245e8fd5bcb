using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Linux;
using GridWrapper.Outputs;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>
/// `--stage-in`: brings the inputs that are not in the job directory, each from the first address that has it. An input bears its name only when it is
/// complete and its size and checksum are those that the job or the storage states.
/// </summary>
/// <param name="storages">The protocols.</param>
/// <param name="sources">In the order in which they are asked, at least one.</param>
internal sealed class InputStaging(Storages storages, ImmutableArray<StorageAddress> sources)
{
    private const string Step = "stage-in";
    private static readonly RoomLog Log = new(nameof(InputStaging));

    /// <summary>Inputs that came with another size or checksum than the job or the storage states, from wherever they were asked; the workload manager wants their names.</summary>
    internal ImmutableArray<string> Corrupted { get; private set; } = [];

    /// <summary>The inputs that a job needs in its directory: those that its parameters name and that are nowhere on the node, and those that only its document names.</summary>
    internal static ImmutableArray<WantedInput> Of(JobRequest job, ImmutableArray<string> missing)
    {
        HashSet<string> named = new(job.Inputs.Concat(job.InMap.SelectMany(s => s.Files)), StringComparer.Ordinal);
        ILookup<string, InputFile> stated = job.InputFiles.ToLookup(i => i.Lfn, StringComparer.Ordinal);
        return
        [
            .. missing.Concat(job.InputFiles.Select(i => i.Lfn).Where(n => !named.Contains(n))).Where(n => !n.Contains("://", StringComparison.Ordinal) && !Path.IsPathRooted(n))
                .Distinct(StringComparer.Ordinal).Select(name => From(name, stated[name].FirstOrDefault())),
        ];
    }

    /// <summary>Where an input lies at an address.</summary>
    /// <exception cref="StorageException">It needs the scope, and the job names none.</exception>
    internal static string PlaceOf(StorageAddress source, WantedInput input) => source.Deterministic && input.Scope is null
        ? throw new StorageException(StorageTrouble.Absent, $"{source} needs the scope of {input.Lfn}, and the job names none (scopeIn)")
        : source.PlaceOf(input.Lfn, input.Scope);

    /// <summary>Those that are not in the job directory.</summary>
    internal static ImmutableArray<WantedInput> Missing(ImmutableArray<WantedInput> inputs, string directory) =>
        [.. inputs.Where(i => FileIdentity.Of(Path.Combine(directory, i.Lfn)) is null)];

    /// <summary>Brings what is missing.</summary>
    /// <exception cref="GridWrapperException">An input is to be had nowhere.</exception>
    internal async Task FetchAsync(ImmutableArray<WantedInput> inputs, string directory, CancellationToken ct)
    {
        ImmutableArray<WantedInput> missing = Missing(inputs, directory);
        if (missing.FirstOrDefault(i => i.Lfn.Contains('/', StringComparison.Ordinal) || i.Lfn is "." or "..") is { } wrong)
        {
            throw GridWrapperException.BadInput(Step, $"the input {Quoted.Text(wrong.Lfn)} is no file name: inputs lie directly in the job directory");
        }

        if (!missing.IsEmpty && await storages.RefusalAsync(sources, ct) is { } reason)
        {
            throw new GridWrapperException(Failed(missing[0], [new StorageException(StorageTrouble.Unusable, reason)]) with { ExitCode = ExitCodes.TryElsewhere });
        }

        foreach (WantedInput input in missing)
        {
            await FetchAsync(input, Path.Combine(directory, input.Lfn), ct);
        }
    }

    private static WantedInput From(string name, InputFile? stated) => new(name)
    {
        Scope = stated?.Scope,
        Checksum = FileChecksum.Parse(stated?.Checksum),
        SizeBytes = stated?.SizeBytes,
    };

    private async Task FetchAsync(WantedInput input, string target, CancellationToken ct)
    {
        List<StorageException> reasons = [];
        string partial = TarPacker.PartialName(target);
        try
        {
            foreach (StorageAddress source in sources)
            {
                try
                {
                    File.Delete(partial);
                    await FetchAsync(input, source, partial, ct);
                    File.Move(partial, target);
                    return;
                }
                catch (StorageException e)
                {
                    Log.Warn("{Lfn} did not come from {Source}: {Message}", input.Lfn, source, e.Message);
                    reasons.Add(e);
                }
            }
        }
        finally
        {
            File.Delete(partial);
        }

        Corrupted = reasons.Exists(r => r.Trouble == StorageTrouble.Mismatch) ? Corrupted.Add(input.Lfn) : Corrupted;
        throw new GridWrapperException(Failed(input, reasons));
    }

    private async Task FetchAsync(WantedInput input, StorageAddress source, string partial, CancellationToken ct)
    {
        string place = PlaceOf(source, input);
        await storages.Retries.RunAsync(
            $"fetching {place}",
            async token =>
            {
                FileChecksum? stated = await storages.For(source.Kind).FetchAsync(place, partial, token);
                if (await DifferenceAsync(input, stated, partial, token) is { } wrong)
                {
                    File.Delete(partial);
                    throw new StorageException(StorageTrouble.Mismatch, $"{place} {wrong}");
                }
            },
            ct);
        Log.Info("fetched {Lfn} from {Place}", input.Lfn, place);
    }

    /// <summary>Null when what came is what was to come.</summary>
    private static async Task<string?> DifferenceAsync(WantedInput input, FileChecksum? stated, string partial, CancellationToken ct)
    {
        long size = new FileInfo(partial).Length;
        if (input.SizeBytes is { } expected && expected != size)
        {
            return string.Create(CultureInfo.InvariantCulture, $"has {size} bytes, and the job says {expected}");
        }

        foreach ((FileChecksum? checksum, string who) in ((FileChecksum?, string)[])[(input.Checksum, "the job"), (stated, "the storage")])
        {
            if (checksum is not null && await checksum.OfAsync(partial, ct) is { } found && found != checksum)
            {
                return $"came with {found}, and {who} says {checksum}";
            }
        }

        return null;
    }

    private static Failure Failed(WantedInput input, List<StorageException> reasons)
    {
        bool Any(StorageTrouble trouble) => reasons.Any(r => r.Trouble == trouble);
        bool absent = reasons.TrueForAll(r => r.Trouble == StorageTrouble.Absent);
        int code = absent ? PilotError.NoSuchFile
            : Any(StorageTrouble.Local) ? PilotError.NoLocalSpace
            : !Any(StorageTrouble.Mismatch) ? PilotError.StageInFailed
            : input.Checksum?.Kind == "md5" ? PilotError.Md5Mismatch
            : PilotError.AdlerMismatch;
        return new Failure
        {
            Blame = absent ? Blame.User : Blame.Site,
            Phase = Phase.Job,
            Step = Step,
            PilotErrorCode = code,
            Message = $"the input \"{input.Lfn}\" could not be fetched: {string.Join("; ", reasons.Select(r => r.Message))}",
            Retryable = !absent,
            ExitCode = Any(StorageTrouble.Local) ? ExitCodes.TryElsewhere : ExitCodes.CannotRun,
        };
    }
}
