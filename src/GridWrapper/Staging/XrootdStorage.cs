using GridWrapper.Diagnostics;
using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>
/// Files by the node's xrdcp, which compares the checksum at the destination. Of a server that computes none the file is read again. xrdfs removes what was half
/// written. Credentials reach both by the variables that XRootD's client reads, never by an argument.
/// </summary>
internal sealed class XrootdStorage(StorageContext context) : IStorage
{
    private const int CommandNotFound = 127;
    private static readonly RoomLog Log = new(nameof(XrootdStorage));
    private static readonly TimeSpan CleanUp = TimeSpan.FromSeconds(15);

    /// <summary>Places where nothing stood when this run began to write to them: what stands there is its own.</summary>
    private readonly HashSet<string> _begun = new(StringComparer.Ordinal);

    private string Xrdcp => context.Policy.Xrdcp ?? "xrdcp";

    private string Xrdfs => context.Policy.Xrdcp is { } path ? Path.Combine(Path.GetDirectoryName(path)!, "xrdfs") : "xrdfs";

    public async Task<string?> RefusalAsync(CancellationToken ct)
    {
        using StallGuard guard = context.Guard(0, ct);
        try
        {
            HelperEnd end = await RunAsync([Xrdcp, "--version"], _ => { }, guard);
            return end.Code is CommandNotFound or CommandNotFound - 1
                ? $"root:// addresses need the program {Xrdcp}, which is not here: install xrootd-client, put it on PATH, or name it as storage.xrdcp in the site profile"
                : null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    public async Task DeliverAsync(OutputFile file, string place, CancellationToken ct)
    {
        Check(place);
        FileSum wanted = new(file.SizeBytes, file.Adler32);
        using StallGuard guard = context.Guard(2 * file.SizeBytes, ct);
        bool again = _begun.Contains(place);
        bool? stands = again ? false : await StandsAsync(place, guard);
        if (stands == true)
        {
            await CompareAsync(place, wanted, StorageTrouble.Taken, guard);
            return;
        }

        bool own = stands == false && (again || _begun.Add(place));
        try
        {
            HelperEnd end = await RunAsync(
                [Xrdcp, "--nopbar", "--silent", "--rm-bad-cksum", "--cksum", "adler32:" + file.Adler32, .. again ? (string[])["--force"] : [], file.Path, place], _ => { }, guard);
            if (end.Code == 0)
            {
                return;
            }

            StorageException fault = Fault(end, place);
            if (!IsWithoutChecksums(end) && fault.Trouble != StorageTrouble.Taken)
            {
                throw fault;
            }

            await CompareAsync(place, wanted, fault.Trouble == StorageTrouble.Taken ? StorageTrouble.Taken : StorageTrouble.Mismatch, guard);
        }
        catch (Exception e) when (own && e is (StorageException { Trouble: not (StorageTrouble.Taken or StorageTrouble.Denied or StorageTrouble.Unreachable or StorageTrouble.Unusable) } or OperationCanceledException))
        {
            await DiscardAsync(place);
            throw;
        }
    }

    public async Task<FileChecksum?> FetchAsync(string place, string target, CancellationToken ct)
    {
        Check(place);
        using StallGuard guard = context.Guard(0, ct);
        ImmutableArray<string> plain = [Xrdcp, "--nopbar", "--silent", "--force", place, target];
        HelperEnd end = await RunAsync([Xrdcp, "--cksum", "adler32", .. plain.Skip(1)], _ => { }, guard);
        if (end.Code != 0 && IsWithoutChecksums(end))
        {
            guard.Restart();
            end = await RunAsync(plain, _ => { }, guard);
        }

        return end.Code == 0 ? null : throw Fault(end, place);
    }

    /// <summary>"root://HOST:PORT//path" in its two parts.</summary>
    internal static (string Server, string Path) Split(string place)
    {
        int slash = place.IndexOf('/', place.IndexOf("://", StringComparison.Ordinal) + 3);
        return (place[..slash], "/" + place[slash..].TrimStart('/'));
    }

    /// <summary>What xrdcp's exit and last words mean; the numbers are those of the XRootD protocol.</summary>
    internal static StorageException Fault(HelperEnd end, string place)
    {
        string words = end.LastWords;
        bool Says(string part) => end.Errors.Contains(part, StringComparison.OrdinalIgnoreCase);
        StorageTrouble trouble = end.Code is CommandNotFound or CommandNotFound - 1 ? StorageTrouble.Unusable
            : Says("[3011]") ? StorageTrouble.Absent
            : Says("[3010]") || Says("Auth failed") || Says("[3030]") ? StorageTrouble.Denied
            : Says("[3018]") || Says("file exists") ? StorageTrouble.Taken
            : Says("[3009]") || Says("[3031]") ? StorageTrouble.Full
            : Says("TLS error") ? StorageTrouble.Unusable
            : Says("CheckSum error") ? StorageTrouble.Mismatch
            : Says("no space left") || Says("Disk quota") ? StorageTrouble.Local
            : Says("Connection error") || Says("Invalid address") || Says("Connection refused") ? StorageTrouble.Unreachable
            : Says("expired") || Says("timeout") ? StorageTrouble.Stalled
            : Says("Protocol not supported") ? StorageTrouble.Unusable
            : StorageTrouble.Broken;
        return new StorageException(trouble, $"xrdcp with {place}: {words}");
    }

    private static bool IsWithoutChecksums(HelperEnd end) =>
        end.Errors.Contains("[3013]", StringComparison.Ordinal) || end.Errors.Contains("checksum is not supported", StringComparison.OrdinalIgnoreCase) || end.Errors.Contains("chksum is not supported", StringComparison.Ordinal);

    private static void Check(string place)
    {
        if (place.Contains('?', StringComparison.Ordinal))
        {
            throw new StorageException(StorageTrouble.Unusable, $"{place[..place.IndexOf('?', StringComparison.Ordinal)]}… holds a '?', which XRootD would not take for a part of the file's name");
        }
    }

    /// <summary>Whether something stands there already; null where the server does not say. xrdcp overwrites nothing then, and nothing is removed.</summary>
    private async Task<bool?> StandsAsync(string place, StallGuard guard)
    {
        (string server, string path) = Split(place);
        HelperEnd end = await RunAsync([Xrdfs, server, "stat", path], _ => { }, guard);
        guard.Restart();
        return end.Code == 0 ? true : Fault(end, place).Trouble == StorageTrouble.Absent ? false : null;
    }

    /// <summary>Reads what stands there.</summary>
    /// <exception cref="StorageException">It is not the file.</exception>
    private async Task CompareAsync(string place, FileSum wanted, StorageTrouble otherwise, StallGuard guard)
    {
        SumSink sink = new();
        guard.Restart();
        HelperEnd end = await RunAsync([Xrdcp, "--nopbar", "--silent", place, "-"], sink.Append, guard);
        if (end.Code != 0)
        {
            throw Fault(end, place);
        }

        if (sink.Sum != wanted)
        {
            throw otherwise == StorageTrouble.Taken
                ? new StorageException(otherwise, $"something else stands at {place} already")
                : new StorageException(otherwise, $"{place} has {sink.Sum.SizeBytes} bytes and checksum {sink.Sum.Adler32}, the file {wanted.SizeBytes} bytes and {wanted.Adler32}");
        }
    }

    private async Task DiscardAsync(string place)
    {
        (string server, string path) = Split(place);
        using CancellationTokenSource limit = new(CleanUp, context.Time);
        using StallGuard guard = context.Guard(0, limit.Token);
        try
        {
            HelperEnd end = await RunAsync([Xrdfs, server, "rm", path], _ => { }, guard);
            Log.Info("removing what was half written at {Place}: exit {Code}", place, end.Code);
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            Log.Warn("what was half written at {Place} could not be removed: {Message}", place, e.Message);
        }
    }

    /// <summary>The client's own patience is long and its retries are many; where the caller does not say otherwise it gets ours.</summary>
    private async Task<HelperEnd> RunAsync(ImmutableArray<string> words, Action<ReadOnlySpan<byte>> sink, StallGuard guard)
    {
        string stall = Math.Ceiling(Math.Max(1, context.Policy.StallSeconds)).ToString(CultureInfo.InvariantCulture);
        Dictionary<string, string> environment = new(context.Environment, StringComparer.Ordinal);
        foreach ((string name, string value) in ((string, string)[])[("XRD_CONNECTIONWINDOW", "15"), ("XRD_CONNECTIONRETRY", "1"), ("XRD_STREAMTIMEOUT", stall), ("XRD_NETWORKSTACK", "IPAuto")])
        {
            environment.TryAdd(name, value);
        }

        try
        {
            return await HelperProgram.RunAsync(words, context with { Environment = environment }, sink, guard);
        }
        catch (OperationCanceledException e) when (guard.Stalled)
        {
            throw new StorageException(StorageTrouble.Stalled, $"{words[0]} moved nothing for too long ({words[^1]})", e);
        }
    }
}
