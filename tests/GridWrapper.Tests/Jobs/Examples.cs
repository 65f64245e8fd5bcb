namespace GridWrapper.Tests.Jobs;

/// <summary>Job parameters as the workload manager's own client and server produce them (reference: panda, section 2.7).</summary>
internal static class Examples
{
    internal const string Prefix = "-j \"\" --sourceURL https://pandacache.cern.ch -r . ";

    internal const string T = "user.tester.15012345._000001";

    internal const string Archive = "jobO.d4e92bca-3544-496a-b03a-bf2299a61d40.tar.gz";

    internal const string Seed =
        "--containerImage=docker://lukasheinrich/img:1 -j \"\" --sourceURL https://aipanda078.cern.ch:25443 -a jobO.d4e92bca-3544-496a-b03a-bf2299a61d40.tar.gz "
        + "-o \"{'out.json': 'user.lheinric.$JEDITASKID${SN/P}.out.json'}\" -p \"python%20run.py%20out.json\"";
}
