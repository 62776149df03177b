namespace Wisp.Cli;

/// <summary>The bytes of a text that a command is given by name; - is standard input.</summary>
internal static class TextInput
{
    // A text goes through memory in one piece, tokens and all.
    private const int MaxBytes = 1 << 30;

    /// <exception cref="UserException">There is no such file, or it is no text that fits.</exception>
    public static byte[] Read(string name)
    {
        if (name == "-")
        {
            using var memory = new MemoryStream();
            using var input = Console.OpenStandardInput();
            input.CopyTo(memory);
            return memory.ToArray();
        }

        if (Directory.Exists(name))
            throw new UserException($"{name}: is a folder; name a text file.");
        var file = new FileInfo(name);
        if (!file.Exists)
            throw new UserException($"{name}: there is no such file.");
        if (file.Length > MaxBytes)
            throw new UserException(
                $"{name}: has {file.Length:n0} bytes; {MaxBytes:n0} are the most. Name a part of it.");
        return File.ReadAllBytes(name);
    }
}
