using GridWrapper.Linux;

namespace GridWrapper.Tests.Linux;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class FileLockTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Test]
    public async Task Whoever_waits_has_the_lock_when_its_holder_gives_it_back(CancellationToken ct)
    {
        string path = NewPath();
        FileLock held = await FileLock.AcquireAsync(path, Patience, TimeProvider.System, ct);

        Task<FileLock> waiting = FileLock.AcquireAsync(path, Patience, TimeProvider.System, ct);
        bool early = waiting.IsCompleted;
        held.Dispose();
        using FileLock now = await waiting;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(early, Is.False);
            Assert.That(IsFree(path), Is.False);
        }
    }

    [Test]
    public async Task Patience_has_an_end_and_the_message_names_the_lock(CancellationToken ct)
    {
        string path = NewPath();
        using FileLock held = await FileLock.AcquireAsync(path, Patience, TimeProvider.System, ct);

        TimeoutException e = Assert.ThrowsAsync<TimeoutException>(() => FileLock.AcquireAsync(path, TimeSpan.FromMilliseconds(20), TimeProvider.System, ct))!;

        Assert.That(e.Message, Does.Contain(path));
    }

    [Test]
    public async Task Whoever_stops_waiting_does_not_keep_the_lock_that_comes_later(CancellationToken ct)
    {
        string path = NewPath();
        FileLock held = await FileLock.AcquireAsync(path, Patience, TimeProvider.System, ct);
        using var tired = new CancellationTokenSource();
        Task<FileLock> waiting = FileLock.AcquireAsync(path, Patience, TimeProvider.System, tired.Token);

        await tired.CancelAsync();
        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
        held.Dispose();
        using FileLock next = await FileLock.AcquireAsync(path, Patience, TimeProvider.System, ct);

        Assert.That(IsFree(path), Is.False);
    }

    private static string NewPath() => Path.Combine(TestContext.CurrentContext.WorkDirectory, "lock-" + Guid.NewGuid().ToString("N"));

    private static bool IsFree(string path)
    {
        using FileLock? taken = FileLock.TryAcquire(path);
        return taken is not null;
    }
}
