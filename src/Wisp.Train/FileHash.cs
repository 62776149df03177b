using System.Security.Cryptography;

namespace Wisp.Train;

/// <summary>What a file is called when it is meant and not its name: the SHA-256 of its bytes, in hex.</summary>
public static class FileHash
{
    public static string Of(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
