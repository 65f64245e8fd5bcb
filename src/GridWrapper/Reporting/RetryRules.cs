using Polly;
using Polly.Retry;

namespace GridWrapper.Reporting;

/// <summary>How patiently a call is repeated: exponential delays from 5 s to 120 s with jitter, as long as the outcome may change.</summary>
internal sealed class RetryRules(TimeProvider time, Random random)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(120);

    /// <summary>A fixed number of tries, for what may be lost.</summary>
    internal ResiliencePipeline<ServerOutcome> Times(int tries) => Build(tries - 1, static () => true);

    /// <summary>For what must arrive: until the patience is used up.</summary>
    internal ResiliencePipeline<ServerOutcome> For(TimeSpan patience)
    {
        long start = time.GetTimestamp();
        return Build(int.MaxValue, () => time.GetElapsedTime(start) < patience);
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
}
