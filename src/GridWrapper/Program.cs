namespace GridWrapper;

internal static class Program
{
    internal static int Main(string[] args) => args is [Probing.ProbeMain.CommandName, ..] ? Probing.ProbeMain.Run(args) : args.Length;
}
