namespace GridWrapper.Jobs;

/// <summary>A step of a multi-step job: the transform (a URL or an internal name) and its arguments as one text.</summary>
internal sealed record StepCommand(string Command, string Args);
