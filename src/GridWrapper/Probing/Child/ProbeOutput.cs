using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Where a probe child writes what it sees, one <c>key=value NUL</c> record per sight and as it goes, so that the parent knows at which step a hang began.
/// Neither side needs a JSON library for it, which would double the child's start-up.
/// </summary>
internal abstract class ProbeOutput
{
    /// <summary>Named before a step is tried.</summary>
    internal const string StepKey = "step";

    /// <summary>The last record of a complete answer.</summary>
    internal const string EndKey = "end";

    internal void Step(string name) => Say(StepKey, name);

    internal void Say(string key, long value) => Say(key, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>0 is said as the empty text, otherwise the symbolic name.</summary>
    internal void SayErrno(string key, int errno) => Say(key, errno == 0 ? "" : Errno.Name(errno));

    internal abstract void Say(string key, string value);

    /// <summary>For the records of one of several subjects: its number and a dot before every key but that of a step.</summary>
    internal sealed class Numbered(ProbeOutput output, int number) : ProbeOutput
    {
        internal override void Say(string key, string value) =>
            output.Say(key == StepKey ? key : string.Create(CultureInfo.InvariantCulture, $"{number}.{key}"), value);
    }

    /// <summary>Writes to a pipe.</summary>
    internal sealed class ToDescriptor(int fd) : ProbeOutput
    {
        internal override unsafe void Say(string key, string value)
        {
            byte[] record = Encoding.UTF8.GetBytes($"{key}={value.Replace("\0", "", StringComparison.Ordinal)}\0");
            fixed (byte* place = record)
            {
                for (int done = 0; done < record.Length;)
                {
                    nint count = Libc.Write(fd, place + done, record.Length - done);
                    if (count < 0 && Errno.Last != Errno.EINTR)
                    {
                        throw new LinuxException("write", "probe answer", Errno.Last);
                    }

                    done += (int)Math.Max(0, count);
                }
            }
        }
    }

    /// <summary>Keeps the records, for callers in the same process.</summary>
    internal sealed class ToDictionary : ProbeOutput
    {
        internal Dictionary<string, string> Values { get; } = new(StringComparer.Ordinal);

        internal override void Say(string key, string value) => Values[key] = value;
    }
}
