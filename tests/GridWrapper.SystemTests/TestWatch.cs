using System.Collections.Concurrent;
using System.Diagnostics;
using NUnit.Framework.Interfaces;

[assembly: GridWrapper.SystemTests.TestWatch]

namespace GridWrapper.SystemTests;

/// <summary>
/// What a test or a set-up waits for far too long is told of, with where in the kernel it is, and ended, so that the test fails and the others go on.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TestWatchAttribute : Attribute, ITestAction
{
    /// <summary>Longer than anything takes on a slow machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(20);

    // There may be several instances of the attribute.
    private static readonly ConcurrentDictionary<string, string> Running = new();
    private static readonly Timer Clock = new(_ => Look(), null, Pause, Pause);

    /// <summary>Set-ups belong to suites.</summary>
    public ActionTargets Targets => ActionTargets.Test | ActionTargets.Suite;

    public void BeforeTest(ITest test)
    {
        Running[test.Id] = test.FullName;
        GC.KeepAlive(Clock);
    }

    public void AfterTest(ITest test) => Running.TryRemove(test.Id, out _);

    /// <summary>Servers that tests share are nobody's children any more.</summary>
    private static void Look()
    {
        DateTime oldest = TimeProvider.System.GetLocalNow().DateTime - Patience;
        foreach (Process process in Below(Environment.ProcessId))
        {
            using (process)
            {
                try
                {
                    if (process.StartTime < oldest)
                    {
                        Console.Error.WriteLine($"ended after {Patience.TotalMinutes} minutes, while {string.Join(", ", Running.Values)} ran: {Tell(process.Id)}");
                        process.Kill();
                    }
                }
                catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
                {
                    // It has ended meanwhile.
                    continue;
                }
            }
        }
    }

    private static string Tell(int id)
    {
        // The command line lies in its memory, which a process that is stuck may hold.
        Task<string> line = Task.Run(() => File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' '));
        string command = line.Wait(1000) ? line.Result : File.ReadAllText($"/proc/{id}/comm").Trim();
        IEnumerable<string> threads = Directory.GetDirectories($"/proc/{id}/task").Select(task => $"  {string.Join(' ', File.ReadAllText(task + "/stat").Split(' ', 4).Take(3))} {File.ReadAllText(task + "/stack").Replace("\n", " < ", StringComparison.Ordinal)}").Distinct().Take(40);
        return $"{id}: {(command.Length > 600 ? command[..600] : command)}\n{string.Join('\n', threads)}";
    }

    /// <summary>Processes below one, children before theirs.</summary>
    private static List<Process> Below(int ancestor)
    {
        ILookup<int, Process> children = Process.GetProcesses().ToLookup(Parent);
        List<Process> found = [.. children[ancestor]];
        for (int i = 0; i < found.Count; i++)
        {
            found.AddRange(children[found[i].Id]);
        }

        return found;
    }

    private static int Parent(Process process)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{process.Id}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0; // ended
        }
    }
}
