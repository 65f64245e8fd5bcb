using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>
/// A public key that a profile trusts. ECDSA on P-256 and RSA, both with SHA-256: what cosign writes. The runtime knows no Ed25519, so such a key is refused by name.
/// </summary>
internal sealed class SignatureKey : IDisposable
{
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private const string RsaEncryption = "1.2.840.113549.1.1.1";
    private const string Ed25519 = "1.3.101.112";
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <summary>Bits; smaller ones are broken by anybody.</summary>
    private const int LeastRsaBits = 2048;

    /// <summary>A PEM file of a key has some hundred bytes.</summary>
    private const int MaxFileBytes = 64 * 1024;

    private readonly ECDsa? _ec;
    private readonly RSA? _rsa;

    private SignatureKey(string name, AsymmetricAlgorithm algorithm)
    {
        Name = name;
        _ec = algorithm as ECDsa;
        _rsa = algorithm as RSA;
    }

    /// <summary>The file, or the digest of a key that stands in the profile itself.</summary>
    internal string Name { get; }

    public void Dispose()
    {
        _ec?.Dispose();
        _rsa?.Dispose();
    }

    /// <param name="text">PEM, or the path of a PEM file.</param>
    /// <param name="cvmfsRoot">Nothing below it is read: it may hang.</param>
    /// <exception cref="GridWrapperException">There is no such key, or it is of no use: blame site.</exception>
    internal static SignatureKey Load(string text, string cvmfsRoot)
    {
        bool inline = text.StartsWith(ImagePattern.PemBegin, StringComparison.Ordinal);
        string name = inline ? "the key " + Digest.Of(Encoding.UTF8.GetBytes(text)).Hex[..12] : text;
        string pem = inline ? text : ReadFile(text, cvmfsRoot);
        try
        {
            return new SignatureKey(name, Import(pem));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or FormatException)
        {
            throw Unusable(name, e.Message, e);
        }
    }

    internal bool Verifies(byte[] signed, byte[] signature) => _ec is not null
        ? _ec.VerifyData(signed, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
        : _rsa!.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private static AsymmetricAlgorithm Import(string pem)
    {
        PemFields fields = PemEncoding.Find(pem);
        if (!pem.AsSpan()[fields.Label].SequenceEqual("PUBLIC KEY"))
        {
            throw new FormatException("a PEM block called PUBLIC KEY is expected there");
        }

        PublicKey key = PublicKey.CreateFromSubjectPublicKeyInfo(Convert.FromBase64String(pem[fields.Base64Data]), out _);
        switch (key.Oid.Value)
        {
            case EcPublicKey:
                ECDsa ec = key.GetECDsaPublicKey() ?? throw new FormatException("it is no key for ECDSA");
                string? curve = ec.ExportParameters(false).Curve.Oid.Value;
                return curve == P256 ? ec : throw new FormatException($"it lies on the curve {curve}; of the elliptic curves only P-256 is supported");
            case RsaEncryption:
                RSA rsa = key.GetRSAPublicKey() ?? throw new FormatException("it is no key for RSA");
                return rsa.KeySize >= LeastRsaBits ? rsa : throw new FormatException($"it has {rsa.KeySize} bits; RSA keys need at least {LeastRsaBits}");
            case Ed25519:
                throw new FormatException("it is an Ed25519 key, which is not supported; ECDSA P-256 and RSA are");
            default:
                throw new FormatException($"keys of the kind {key.Oid.Value} are not supported; ECDSA P-256 and RSA are");
        }
    }

    private static string ReadFile(string path, string cvmfsRoot)
    {
        if (path.StartsWith(cvmfsRoot + "/", StringComparison.Ordinal))
        {
            throw Unusable(path, "it lies on CVMFS, which may hang: copy it to a local file", null);
        }

        try
        {
            return new FileInfo(path) is { Exists: true, Length: > MaxFileBytes } ? throw Unusable(path, $"it is longer than {MaxFileBytes} bytes", null) : File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, FileTrouble.Describe(e), e);
        }
    }

    private static GridWrapperException Unusable(string name, string why, Exception? inner) => new(
        new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Resolve,
            Step = SignatureProof.Step,
            PilotErrorCode = PilotError.SetupFailure,
            Message = $"the site profile requires signatures by {name} (images.signatures), which cannot be used: {why}. Nothing that this rule names runs until that is mended",
        },
        inner);
}
