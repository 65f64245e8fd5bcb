namespace GridWrapper.Reporting;

/// <summary>One undelivered final update as it lies in the spool.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Server">Where it has to go.</param>
/// <param name="Written">When it was put there.</param>
/// <param name="Update">What has to be delivered.</param>
internal sealed record SpooledUpdate(string Path, string Server, DateTimeOffset Written, JobUpdate Update);
