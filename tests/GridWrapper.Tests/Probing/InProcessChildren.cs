using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

/// <summary>Answers probe questions in the test's own process: the child's code without the child. Only for trees that cannot hang.</summary>
internal sealed class InProcessChildren : IProbeChildren
{
    /// <summary>Set to make every question end like this instead.</summary>
    internal ProbeReply? Instead { get; set; }

    internal List<ProbeQuestion> Questions { get; } = [];

    public Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct)
    {
        lock (Questions)
        {
            Questions.Add(question);
        }

        if (Instead is not null)
        {
            return Task.FromResult(Instead);
        }

        ProbeOutput.ToDictionary output = new();
        bool known = ProbeMain.Answer(question.Kind, question.Arguments.AsSpan(), output);
        return Task.FromResult(new ProbeReply { End = known ? ProbeEnd.Answered : ProbeEnd.Failed, Values = output.Values.ToImmutableDictionary() });
    }
}
