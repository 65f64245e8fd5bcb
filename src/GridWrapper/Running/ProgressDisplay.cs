using System.Diagnostics.CodeAnalysis;
using GridWrapper.Planning;
using GridWrapper.Registries;

namespace GridWrapper.Running;

/// <summary>Shows how far a pull is: on a terminal a total and a line for each layer on its way, drawn again and again; elsewhere one line every 30 s. What is quick shows nothing.</summary>
internal sealed class ProgressDisplay(PullProgress progress, TextWriter output, TimeProvider clock)
{
    private static readonly TimeSpan OnTerminal = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Elsewhere = TimeSpan.FromSeconds(30);
    private const int BarWidth = 24;
    private int _drawn;

    /// <summary>Whether stderr is a terminal that takes cursor movements.</summary>
    public bool Terminal { get; init; }

    /// <summary>Runs the work and shows its progress meanwhile.</summary>
    /// <param name="totalBytes">What will be fetched, as planned.</param>
    [SuppressMessage("Reliability", "CA2025", Justification = "Disposing of the timer is what ends the task, which is then awaited")]
    internal async Task<T> ShowAsync<T>(long totalBytes, Func<Task<T>> work, CancellationToken ct)
    {
        // Disposed of, not cancelled: a cancelled timer makes an exception with the lines of its stack, which costs more than a short pull.
        var timer = new PeriodicTimer(Terminal ? OnTerminal : Elsewhere, clock);
        Task show = LoopAsync(totalBytes, timer);
        try
        {
            return await work();
        }
        finally
        {
            timer.Dispose();
            await show;
            Erase();
        }
    }

    /// <summary>The total and, after it, the layers on their way.</summary>
    internal static ImmutableArray<string> Lines(IReadOnlyCollection<PullProgress.Blob> blobs, long totalBytes, TimeSpan elapsed)
    {
        long got = blobs.Sum(blob => blob.Bytes);
        double rate = got / Math.Max(elapsed.TotalSeconds, 0.001);
        long total = Math.Max(totalBytes, got);
        string left = rate > 0 ? string.Create(CultureInfo.InvariantCulture, $", {(total - got) / rate:0} s left") : "";
        string sum = $"{PlanText.Size(got)} of {PlanText.Size(total)}, {blobs.Count(blob => blob.Bytes >= blob.Descriptor.SizeBytes)} layers received, {PlanText.Size((long)rate)}/s{left}";
        return [sum, .. blobs.Where(blob => blob.Bytes < blob.Descriptor.SizeBytes).OrderByDescending(blob => blob.Descriptor.SizeBytes).Select(Line)];
    }

    private static string Line(PullProgress.Blob blob)
    {
        long size = Math.Max(blob.Descriptor.SizeBytes, 1);
        int full = (int)(blob.Bytes * BarWidth / size);
        return string.Create(CultureInfo.InvariantCulture, $"  {blob.Descriptor.Digest.Hex[..12]} [{new string('#', full)}{new string('.', BarWidth - full)}] {blob.Bytes * 100 / size,3} % of {PlanText.Size(size)}");
    }

    private async Task LoopAsync(long totalBytes, PeriodicTimer timer)
    {
        long began = clock.GetTimestamp();
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            ImmutableArray<string> lines = Lines(progress.Blobs, totalBytes, clock.GetElapsedTime(began));
            Erase();
            await output.WriteLineAsync((Terminal ? string.Join('\n', lines) : $"gridwrap: {lines[0]}").AsMemory(), CancellationToken.None);
            _drawn = Terminal ? lines.Length : 0;
        }
    }

    /// <summary>Back to where the first line was drawn, and clear to the end of the screen.</summary>
    private void Erase()
    {
        if (_drawn > 0)
        {
            output.Write($"\u001B[{_drawn}A\r\u001B[J");
            _drawn = 0;
        }
    }
}
