using System.Security.Cryptography;

namespace GridWrapper.Sites;

/// <summary>Where Rucio expects a file on a deterministic storage: SCOPE/h1/h2/LFN, with the first two bytes of the md5 of "SCOPE:LFN". Pure.</summary>
internal static class RucioPath
{
    /// <summary>The dots of a user's or a group's scope become directories; other scopes stay as they are.</summary>
    internal static string Of(string scope, string lfn)
    {
        using IncrementalHash md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        md5.AppendData(Encoding.UTF8.GetBytes($"{scope}:{lfn}"));
        string hash = Convert.ToHexStringLower(md5.GetHashAndReset());
        bool personal = scope.StartsWith("user", StringComparison.Ordinal) || scope.StartsWith("group", StringComparison.Ordinal);
        return $"{(personal ? scope.Replace('.', '/') : scope)}/{hash[..2]}/{hash[2..4]}/{lfn}";
    }
}
