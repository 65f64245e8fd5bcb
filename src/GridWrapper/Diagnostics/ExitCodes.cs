namespace GridWrapper.Diagnostics;

/// <summary>Exit codes of our own (docs/cli promise). Never 2, 3, 251 or 255: the PanDA pilot misreads them.</summary>
internal static class ExitCodes
{
    /// <summary>The command line, the job parameters or the site profile are wrong; nothing was run (EX_USAGE).</summary>
    internal const int Usage = 64;

    /// <summary>The payload succeeded but an output is missing or could not be delivered (EX_CANTCREAT).</summary>
    internal const int OutputMissing = 73;

    /// <summary>A site problem found before the payload started: try on another node (EX_TEMPFAIL).</summary>
    internal const int TryElsewhere = 75;

    /// <summary>gridwrap could not run the payload.</summary>
    internal const int CannotRun = 125;

    /// <summary>The command exists in the image but cannot be executed.</summary>
    internal const int NotExecutable = 126;

    /// <summary>The command was not found in the image.</summary>
    internal const int NotFound = 127;

    /// <summary>Added to a signal's number when the payload died of it.</summary>
    internal const int SignalBase = 128;
}
