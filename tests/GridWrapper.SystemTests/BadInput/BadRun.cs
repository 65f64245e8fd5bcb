using System.Text.RegularExpressions;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>How a run with bad input ended.</summary>
/// <param name="ExitCode">Of the program.</param>
/// <param name="Output">stdout.</param>
/// <param name="Errors">stderr.</param>
/// <param name="Left">What it should have removed and did not; one line each.</param>
internal sealed partial record BadRun(int ExitCode, string Output, string Errors, string[] Left)
{
    /// <summary>The promised last line of stderr, taken apart; null when it is not of that form.</summary>
    internal (string Blame, string Message, string Step, int Pilot)? Last
    {
        get
        {
            Match match = Promised().Match(Errors.TrimEnd('\n').Split('\n')[^1]);
            return match.Success
                ? (match.Groups["blame"].Value, match.Groups["message"].Value, match.Groups["step"].Value, int.Parse(match.Groups["pilot"].Value))
                : null;
        }
    }

    /// <summary>Traces of the program's inside in what people read: types, stack frames, resource keys, doubled full stops.</summary>
    internal string[] Noise => [.. Inside().Matches(Errors).Select(m => m.Value)];

    [GeneratedRegex(@"^gridwrap: (?<blame>user|image|registry|cvmfs|site|server|gridwrap): (?<message>\S.*) \[step=(?<step>[a-z][a-z-]*)( errno=E[A-Z0-9]+)? pilot=(?<pilot>[0-9]{4})\]$", RegexOptions.CultureInvariant)]
    private static partial Regex Promised();

    [GeneratedRegex(@"\w+Exception\b|\bSystem\.\w+|^\s+at \w.*|\b[A-Z]\w*[a-z]\w*_[A-Z]\w+|\b(net|Arg|IO)_\w+|[^.]\.\.(?=\s|$)|`\d", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Inside();
}
