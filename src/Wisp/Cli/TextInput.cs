using System.Text;

namespace Wisp.Cli;

/// <summary>The bytes of a text that a command is given by name; - is standard input.</summary>
internal static class TextInput
{
    // A text goes through memory in one piece, tokens and all.
    private const int MostBytes = 1 << 30;

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    /// <exception cref="UserException">There is no such file, or it is no text that fits.</exception>
    public static byte[] Read(string name, int maxBytes = MostBytes)
    {
        if (name == "-")
        {
            using var input = Console.OpenStandardInput();
            return Read(input, "standard input", maxBytes);
        }

        if (name.Length == 0)
            throw new UserException("The name of the file is empty. Name a file, or - for standard input.");
        if (Directory.Exists(name))
            throw new UserException($"{name}: is a folder; name a file.");
        if (!File.Exists(name))
            throw new UserException($"{name}: there is no such file. Check the name.");
        using var file = new FileStream(name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        return Read(file, name, maxBytes);
    }

    /// <summary>The same as UTF-8 text.</summary>
    public static string ReadText(string name, int maxBytes = MostBytes)
    {
        try
        {
            return s_utf8.GetString(Read(name, maxBytes)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new UserException($"{(name == "-" ? "standard input" : name)}: is not UTF-8 text: {e.Message}", e);
        }
    }

    /// <summary>All that comes from a stream, if it ends before the limit: pipes and devices tell no length.</summary>
    internal static byte[] Read(Stream input, string name, int maxBytes)
    {
        if (input.CanSeek && input.Length > maxBytes)
            throw TooLong($"has {input.Length:n0} bytes");
        var bytes = new MemoryStream();
        var part = new byte[1 << 16];
        for (int read; (read = input.Read(part)) > 0;)
        {
            if (bytes.Length + read > maxBytes)
                throw TooLong("goes on");
            bytes.Write(part.AsSpan(0, read));
        }

        return bytes.ToArray();

        UserException TooLong(string what) =>
            new($"{name}: {what}; {maxBytes:n0} bytes are the most. Give a part of it.");
    }
}
