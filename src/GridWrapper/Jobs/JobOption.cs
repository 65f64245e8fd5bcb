namespace GridWrapper.Jobs;

/// <summary>The options of job parameters that mean something here; the others of the table are known only so that their values are skipped.</summary>
internal enum JobOption
{
    Skipped,
    ContainerImage,
    Exec,
    OutputMap,
    Inputs,
    InMap,
    SourceUrl,
    Archive,
    WriteInputToTxt,
    DataDirectory,
    WorkDirectory,
    Cvmfs,
    NoX509,
    Debug,
    RunDirectory,
    Library,
}
