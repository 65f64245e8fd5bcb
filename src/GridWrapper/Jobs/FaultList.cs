using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>All that is wrong with one job, collected so that the user is told once. The first fault's code and blame stand for the whole.</summary>
internal sealed class FaultList
{
    /// <summary>More would be read by nobody; the rest is counted.</summary>
    internal const int MaxTexts = 50;

    private readonly List<string> _texts = [];
    private int _more;

    internal bool IsEmpty => _texts.Count == 0;

    internal ImmutableArray<string> Texts => _more == 0 ? [.. _texts] : [.. _texts, $"and {_more} more"];

    /// <summary>Code of the PanDA pilot.</summary>
    internal int PilotErrorCode { get; private set; } = PilotError.UnrecognizedTrfArguments;

    internal Blame Blame { get; private set; } = Blame.User;

    internal void Add(string text, int pilotErrorCode = PilotError.UnrecognizedTrfArguments, Blame blame = Blame.User)
    {
        if (IsEmpty)
        {
            PilotErrorCode = pilotErrorCode;
            Blame = blame;
        }

        if (_texts.Contains(text))
        {
            return;
        }

        if (_texts.Count < MaxTexts)
        {
            _texts.Add(text);
        }
        else
        {
            _more++;
        }
    }
}
