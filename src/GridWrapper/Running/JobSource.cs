using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Running;

/// <summary>Reads a job definition from a file or from standard input.</summary>
internal static class JobSource
{
    /// <summary>No job of PanDA comes near it.</summary>
    private const int LimitBytes = 16 * 1024 * 1024;

    /// <param name="file">Path, or "-" for standard input.</param>
    /// <param name="settings">Working directory and environment.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <exception cref="GridWrapperException">The file cannot be read: exit 64.</exception>
    internal static async Task<JobReadResult> ReadAsync(string file, RunSettings settings, CancellationToken ct) => Read(await ContentAsync(file, ct), settings);

    /// <summary>The document as it stands.</summary>
    /// <exception cref="GridWrapperException">As above.</exception>
    internal static async Task<byte[]> ContentAsync(string file, CancellationToken ct)
    {
        try
        {
            await using Stream stream = file == "-" ? Console.OpenStandardInput() : new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using MemoryStream content = new();
            byte[] buffer = new byte[64 * 1024];
            for (int n; content.Length <= LimitBytes && (n = await stream.ReadAsync(buffer, ct)) > 0;)
            {
                await content.WriteAsync(buffer.AsMemory(0, n), ct);
            }

            return content.Length <= LimitBytes
                ? content.ToArray()
                : throw GridWrapperException.BadInput("read-job", $"the job definition {file} is larger than {LimitBytes} bytes: it is not a job definition");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw GridWrapperException.BadInput("read-job", $"the job definition {file} cannot be read: {FileTrouble.Describe(e)}", PilotError.NoSuchFile);
        }
    }

    internal static JobReadResult Read(ReadOnlySpan<byte> content, RunSettings settings) => JobReader.FromDocument(content, Options(settings));

    internal static JobReadOptions Options(RunSettings settings) =>
        new() { CurrentDirectory = settings.WorkDirectory, ImageBase = settings.Environment.GetValueOrDefault("IMAGE_BASE") };
}
