namespace GridWrapper.Jobs;

/// <summary>`--writeInputToTxt`: the stream's inputs are written, comma-joined, to this file before the payload starts.</summary>
internal sealed record InputStreamFile(string Stream, string File);
