using System.Collections.Concurrent;
using System.Diagnostics;
using NUnit.Framework.Interfaces;

[assembly: GridWrapper.SystemTests.TestWatch]

namespace GridWrapper.SystemTests;

/// <summary>
/// A test that takes far too long is told of at once, with the processes that it waits for and where in the kernel they are; these are then ended, so that it fails and the others go on.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TestWatchAttribute : Attribute, ITestAction
{
    /// <summary>Longer than any test takes on a slow machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    // There may be several instances of the attribute.
    private static readonly ConcurrentDictionary<string, (string Name, Stopwatch Clock)> Running = new();
    private static readonly Timer Clock = new(_ => Look(), null, Timeout.Infinite, Timeout.Infinite);

    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test)
    {
        Running[test.Id] = (test.FullName, Stopwatch.StartNew());
        Clock.Change(TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20));
    }

    public void AfterTest(ITest test) => Running.TryRemove(test.Id, out _);

    private static void Look()
    {
        foreach ((string id, (string name, Stopwatch clock)) in Running)
        {
            if (clock.Elapsed > Patience && Running.TryRemove(id, out _))
            {
                Console.Error.WriteLine($"{name} has been running for {Patience.TotalMinutes} minutes; its processes are ended:");
                End(TimeProvider.System.GetLocalNow().DateTime - Patience + TimeSpan.FromMinutes(1));
            }
        }
    }

    /// <param name="before">Later processes are those of other tests.</param>
    private static void End(DateTime before)
    {
        foreach (Process process in Below(Environment.ProcessId))
        {
            using (process)
            {
                try
                {
                    if (process.StartTime < before)
                    {
                        Console.Error.WriteLine(Tell(process.Id));
                        process.Kill();
                    }
                }
                catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
                {
                    Console.Error.WriteLine($"{process.Id}: {e.Message}");
                }
            }
        }
    }

    private static string Tell(int id)
    {
        string command = File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ');
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
