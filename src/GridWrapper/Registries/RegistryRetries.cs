using Polly;
using Polly.Retry;

namespace GridWrapper.Registries;

/// <summary>Repeats what failed in passing: after what the server asked for in Retry-After, else after exponential delays with jitter.</summary>
internal sealed class RegistryRetries(RetrySettings settings)
{
    private const int Retries = 4;

    private readonly ResiliencePipeline _pipeline = new ResiliencePipelineBuilder { TimeProvider = settings.Clock }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<TransientRegistryException>(),
            MaxRetryAttempts = Retries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = settings.FirstDelay,
            MaxDelay = TimeSpan.FromSeconds(30),
            Randomizer = settings.Randomizer,
            DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as TransientRegistryException)?.RetryAfter is { } asked
                ? asked + (settings.FirstDelay * settings.Randomizer())
                : (TimeSpan?)null),
        })
        .Build();

    /// <param name="request">For the message.</param>
    /// <param name="first">What the first try met: it is taken as the outcome of the first try here.</param>
    /// <param name="attempt">One more try.</param>
    /// <param name="ct">Cancels tries and delays.</param>
    /// <exception cref="Diagnostics.GridWrapperException">The last try failed as well.</exception>
    internal async Task<T> AgainAsync<T>(RegistryRequest request, TransientRegistryException first, Func<CancellationToken, Task<T>> attempt, CancellationToken ct)
    {
        TransientRegistryException? pending = first;
        try
        {
            return await _pipeline.ExecuteAsync(async token => Interlocked.Exchange(ref pending, null) is { } failure ? throw failure : await attempt(token), ct);
        }
        catch (TransientRegistryException e)
        {
            throw RegistryFault.Unavailable(request, e);
        }
    }
}

/// <summary>How failing requests are repeated.</summary>
/// <param name="FirstDelay">Doubled with each try, with jitter.</param>
/// <param name="Randomizer">0 ≤ x &lt; 1.</param>
internal sealed record RetrySettings(TimeProvider Clock, TimeSpan FirstDelay, Func<double> Randomizer);
