namespace Wisp.Train.Data;

/// <summary>A file that holds documents.</summary>
/// <param name="Path">To open it, and for error messages.</param>
/// <param name="Source">To publish it: relative to the input that named it.</param>
/// <param name="Named">The user named this very file, so it is never skipped in silence.</param>
public sealed record CorpusFile(string Path, string Source, string Licence, bool Named);

/// <summary>How a file name says it is packed and what it holds.</summary>
internal enum TextKind
{
    Other,
    Plain,
    JsonLines,
    Tar,
}

/// <summary>Finds the files of a corpus: always the same ones in the same (ordinal) order.</summary>
public static class CorpusFiles
{
    /// <summary>Every kind that is read, for messages.</summary>
    public const string Kinds =
        ".txt, .md, .jsonl, each also as .gz or .zst, and .tar, .tar.gz, .tgz, .tar.zst of these";

    /// <summary>
    /// Lists the files below the paths; hidden and other files are counted in <paramref name="skipped"/>.
    /// </summary>
    public static List<CorpusFile> List(IReadOnlyList<string> paths, CorpusOptions options, Tally skipped)
    {
        var files = new List<CorpusFile>();
        foreach (var path in paths)
        {
            if (File.Exists(path))
            {
                files.Add(new CorpusFile(path, Printable(Path.GetFileName(path)), options.Licence, Named: true));
                continue;
            }

            if (!Directory.Exists(path))
                throw new InvalidDataException($"{path}: no such file or folder. Give a folder of text, or a file " +
                    $"({Kinds}).");
            var prefix = paths.Count == 1 ? ""
                : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))) + "/";
            var before = files.Count;
            Walk(path, prefix, options.Licence, options.Licence.Length > 0, files, skipped);
            if (files.Count == before)
                throw new InvalidDataException($"{path}: holds no text. Files that count are {Kinds}.");
        }

        return files;
    }

    /// <summary>The name without its compression suffix, and what is inside.</summary>
    internal static TextKind KindOf(string name, out string compression)
    {
        compression = Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".gz" or ".tgz" => "gz",
            ".zst" => "zst",
            _ => "",
        };
        if (name.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase))
            return TextKind.Tar;
        var inner = compression.Length > 0 ? Path.GetFileNameWithoutExtension(name) : name;
        return Path.GetExtension(inner).ToLowerInvariant() switch
        {
            ".txt" or ".md" => TextKind.Plain,
            ".jsonl" => TextKind.JsonLines,
            ".tar" => TextKind.Tar,
            _ => TextKind.Other,
        };
    }

    /// <summary>Why a file in a folder or archive is not read; null when it is.</summary>
    internal static string? ReasonToSkip(string name)
    {
        if (name.StartsWith('.'))
            return "hidden";
        if (IsLicence(name))
            return "licence text";
        if (KindOf(name, out _) != TextKind.Other)
            return null;
        var extension = Path.GetExtension(name).ToLowerInvariant();
        return extension.Length is > 1 and <= 12 ? Printable(extension) : "no extension";
    }

    /// <summary>A name from outside is shown on terminals, so control characters must not survive.</summary>
    internal static string Printable(string name) =>
        name.Any(char.IsControl) ? string.Concat(name.Select(c => char.IsControl(c) ? '?' : c)) : name;

    private static bool IsLicence(string name) =>
        name.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase) ||
        name.StartsWith("LICENCE", StringComparison.OrdinalIgnoreCase) ||
        name.StartsWith("COPYING", StringComparison.OrdinalIgnoreCase);

    private static void Walk(string folder, string prefix, string licence, bool fixedLicence, List<CorpusFile> files,
        Tally skipped)
    {
        FileSystemInfo[] entries;
        try
        {
            entries = new DirectoryInfo(folder).GetFileSystemInfos();
        }
        catch (UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{folder}: may not be read. Change its permissions or leave it out.");
        }

        Array.Sort(entries, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        if (!fixedLicence
            && entries.FirstOrDefault(e => e is FileInfo { Exists: true } && IsLicence(e.Name)) is { } notice)
            licence = FirstLine(notice.FullName);

        foreach (var entry in entries)
        {
            var source = prefix + Printable(entry.Name);
            if (entry is DirectoryInfo directory)
            {
                // A link may lead out of the corpus or around in a circle.
                if (entry.Name.StartsWith('.') || entry.LinkTarget is not null)
                    skipped.Add(entry.LinkTarget is null ? "hidden folder" : "linked folder", source);
                else
                    Walk(directory.FullName, source + "/", licence, fixedLicence, files, skipped);
            }
            else if (ReasonToSkip(entry.Name) is { } reason)
            {
                skipped.Add(reason, source, ((FileInfo)entry).Exists ? ((FileInfo)entry).Length : 0);
            }
            else
            {
                files.Add(new CorpusFile(entry.FullName, source, licence, Named: false));
            }
        }
    }

    private static string FirstLine(string path)
    {
        using var reader = new StreamReader(path);
        var buffer = new char[512];
        var text = new string(buffer, 0, reader.ReadBlock(buffer)).TrimStart();
        var end = text.AsSpan().IndexOfAny('\r', '\n');
        return Printable((end < 0 ? text : text[..end]).Trim());
    }
}
