using System.IO.Pipes;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Reporting;

/// <summary>
/// A directory of CA certificates (hashed names *.0 beside *.pem, CRLs and signing policies). It is read by a child with a deadline, because on
/// grid nodes it usually lies in /cvmfs, and a hung file system would make this process unkillable.
/// </summary>
internal static class CaDirectory
{
    /// <summary>A full IGTF distribution is about 1 MB.</summary>
    private const int SizeLimit = 32 << 20;

    private const string Script = "for f in \"$1\"/*.[0-9] \"$1\"/*.pem; do if [ -f \"$f\" ]; then cat \"$f\"; echo; fi; done";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>The certificates of the directory, each once; empty when there are none.</summary>
    /// <exception cref="GridWrapperException">The directory hangs.</exception>
    internal static async Task<X509Certificate2Collection> LoadAsync(string directory, TimeProvider time, CancellationToken ct)
    {
        string pem = await ReadAsync(directory, time, ct);
        X509Certificate2Collection certificates = [];
        HashSet<string> seen = [];
        foreach (string block in Blocks(pem))
        {
            if (seen.Add(block) && TryLoad(block) is { } certificate)
            {
                certificates.Add(certificate);
            }
        }

        return certificates;
    }

    /// <summary>Whom a TLS client believes that trusts the CAs of a directory.</summary>
    /// <exception cref="GridWrapperException">The directory hangs or holds no CA.</exception>
    internal static async Task<X509ChainPolicy> TrustAsync(string directory, bool systemToo, TimeProvider time, CancellationToken ct)
    {
        X509Certificate2Collection trusted = await LoadAsync(directory, time, ct);
        if (systemToo)
        {
            using X509Store system = new(StoreName.Root, StoreLocation.LocalMachine, OpenFlags.ReadOnly);
            trusted.AddRange(system.Certificates);
        }

        if (trusted.Count == 0)
        {
            throw CredentialFault.Of("read-ca-directory", $"there is no CA certificate (*.0, *.pem) in {directory}: correct X509_CERT_DIR");
        }

        // Grid CRLs are files that the site refreshes, not something to be fetched in a handshake; the pilot does not consult them either.
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(trusted);
        return policy;
    }

    private static async Task<string> ReadAsync(string directory, TimeProvider time, CancellationToken ct)
    {
        AnonymousPipeServerStream pipe = new(PipeDirection.In, HandleInheritability.None);
        ChildProcess child = ChildProcess.Start(new ChildSpec
        {
            Program = "/bin/sh",
            Argv = ["sh", "-c", Script, "sh", directory],
            Environment = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
            Descriptors = [(1, (int)pipe.ClientSafePipeHandle.DangerousGetHandle()), (2, (int)pipe.ClientSafePipeHandle.DangerousGetHandle())],
            NewProcessGroup = true,
        });
        pipe.DisposeLocalCopyOfClientHandle();

        // A child stuck in the kernel keeps the pipe open: the reader is then abandoned together with it.
        Task<string> reading = Task.Run(() => ReadToEnd(pipe), CancellationToken.None);
        try
        {
            return await reading.WaitAsync(Deadline, time, ct);
        }
        catch (TimeoutException e)
        {
            throw CredentialFault.Of(
                "read-ca-directory", $"the CA directory {directory} did not answer within {Deadline.TotalSeconds:0} s (a hung file system?): check it or point X509_CERT_DIR elsewhere", e);
        }
        finally
        {
            child.Signal(Libc.SIGKILL, group: true);
        }
    }

    private static string ReadToEnd(AnonymousPipeServerStream pipe)
    {
        using (pipe)
        {
            using MemoryStream all = new();
            byte[] buffer = new byte[64 * 1024];
            for (int n = pipe.Read(buffer); n > 0 && all.Length < SizeLimit; n = pipe.Read(buffer))
            {
                all.Write(buffer, 0, n);
            }

            return Encoding.Latin1.GetString(all.GetBuffer(), 0, (int)all.Length);
        }
    }

    private static IEnumerable<string> Blocks(string pem)
    {
        const string Begin = "-----BEGIN CERTIFICATE-----", End = "-----END CERTIFICATE-----";
        for (int at = pem.IndexOf(Begin, StringComparison.Ordinal); at >= 0; at = pem.IndexOf(Begin, at + 1, StringComparison.Ordinal))
        {
            int end = pem.IndexOf(End, at, StringComparison.Ordinal);
            if (end < 0)
            {
                yield break;
            }

            yield return pem[at..(end + End.Length)];
        }
    }

    private static X509Certificate2? TryLoad(string block)
    {
        try
        {
            return X509Certificate2.CreateFromPem(block);
        }
        catch (CryptographicException)
        {
            // One unreadable CA must not take the others away; a server that needs it fails verification with its name.
            return null;
        }
    }
}
