using Polly;
using Polly.Retry;

namespace GridWrapper.Reporting;

/// <summary>How patiently a call is repeated: exponential delays from 5 s to 120 s with jitter, as long as the outcome may change.</summary>
internal sealed class RetryRules(TimeProvider time, Random random)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(120);

    /// <summary>A fixed number of tries, for what may be lost.</summary>
    internal Rule Times(int tries) => new(this, tries - 1, static () => true);

    /// <summary>For what must arrive: until the patience is used up.</summary>
    internal Rule For(TimeSpan patience)
    {
        long start = time.GetTimestamp();
        return new Rule(this, int.MaxValue, () => time.GetElapsedTime(start) < patience);
    }

    private ResiliencePipeline<ServerOutcome> Build(int retries, Func<bool> patient)
    {
        ResiliencePipelineBuilder<ServerOutcome> builder = new() { TimeProvider = time };
        return builder.AddRetry(new RetryStrategyOptions<ServerOutcome>
        {
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Result is ServerOutcome.Again && patient()),
            MaxRetryAttempts = retries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = LongestDelay,
            Randomizer = random.NextDouble,
        }).Build();
    }

    /// <summary>Tries a call. The retries get the first outcome as that of their first try: where nothing fails their library is not even loaded.</summary>
    internal sealed class Rule(RetryRules rules, int retries, Func<bool> patient)
    {
        internal async Task<ServerOutcome> ExecuteAsync(Func<CancellationToken, Task<ServerOutcome>> attempt, CancellationToken ct)
        {
            ServerOutcome first = await attempt(ct);
            return first is ServerOutcome.Again && retries > 0 && patient() ? await AgainAsync(attempt, first, ct) : first;
        }

        private async Task<ServerOutcome> AgainAsync(Func<CancellationToken, Task<ServerOutcome>> attempt, ServerOutcome first, CancellationToken ct)
        {
            ServerOutcome? pending = first;
            return await rules.Build(retries, patient).ExecuteAsync(async token => Interlocked.Exchange(ref pending, null) ?? await attempt(token), ct);
        }
    }
}
