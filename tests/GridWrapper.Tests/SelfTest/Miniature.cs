using GridWrapper.SelfTest;

namespace GridWrapper.Tests.SelfTest;

/// <summary>The miniature image of this node, made once, and scratch directories.</summary>
internal static class Miniature
{
    private static readonly Lazy<Task<NodePrograms>> s_programs = new(() => NodePrograms.FindAsync(CancellationToken.None));

    internal static Task<NodePrograms> ProgramsAsync() => s_programs.Value;

    internal static async Task<MiniatureImage> ImageAsync(string marker = "gridwrap miniature image") => MiniatureImage.Create(await ProgramsAsync(), marker);

    /// <summary>A fresh directory below the test run's own; removed by the caller with <see cref="Remove"/>.</summary>
    internal static string Scratch()
    {
        string directory = Path.Combine(TestContext.CurrentContext.WorkDirectory, "selftest-" + Guid.NewGuid().ToString("N"));
        return Directory.CreateDirectory(directory).FullName;
    }

    internal static void Remove(string directory) => Directory.Delete(directory, recursive: true);
}
