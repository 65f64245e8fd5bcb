using System.Net;
using System.Net.Sockets;
using GridWrapper.Diagnostics;

namespace GridWrapper.SelfTest;

/// <summary>Opens an HTTP listener on a free port of 127.0.0.1. HttpListener cannot ask the kernel for one, so ports are tried.</summary>
internal static class LoopbackListener
{
    /// <summary>Below the range from which Linux takes the ports of outgoing connections.</summary>
    private const int LowestPort = 20_000, HighestPort = 32_000;

    private const int MostTries = 20;

    /// <exception cref="GridWrapperException">No port could be had.</exception>
    internal static (HttpListener Listener, int Port) Open(Random random)
    {
        string last = "";
        for (int i = 0; i < MostTries; i++)
        {
            int port = random.Next(LowestPort, HighestPort);
            HttpListener listener = new() { IgnoreWriteExceptions = false };
            listener.Prefixes.Add(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));
            try
            {
                listener.Start();
                return (listener, port);
            }
            catch (Exception taken) when (taken is HttpListenerException or SocketException)
            {
                last = taken.Message;
                listener.Close();
            }
        }

        throw new GridWrapperException(new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Probe,
            Step = "loopback-server",
            PilotErrorCode = PilotError.SetupFailure,
            Message = $"no server could be started on 127.0.0.1: {MostTries} ports between {LowestPort} and {HighestPort} were tried, "
                + $"the last answer was: {last}. Check that the loopback interface is up on this node (ip addr show lo)",
        });
    }
}
