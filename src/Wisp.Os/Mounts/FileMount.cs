using System.Globalization;
using System.Text;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A name in a folder.</summary>
/// <param name="Bytes">Of a file; 0 of a folder.</param>
/// <param name="Note">What else is to be said, in a few words.</param>
public sealed record FileEntry(
    string Name, bool IsFolder, long Bytes, DateTimeOffset? Modified = null, string Note = "")
{
    public override string ToString() =>
        (IsFolder ? $"{Name}/" : $"{Name}  {Bytes} bytes") + (Note.Length > 0 ? "  " + Note : "");
}

/// <summary>A piece of a file, cut at whole characters.</summary>
/// <param name="From">Its first byte in the file.</param>
/// <param name="Of">Bytes of the whole file.</param>
public sealed record FilePiece(string Text, long From, long To, long Of, Label Label)
{
    /// <summary>Where it can be read again for ever, if not at the path that was asked.</summary>
    public string? Uri { get; init; }
}

/// <summary>A place that a search found.</summary>
public sealed record FileHit(TreePath Path, long From, long To, double Score, string Text, Label Label);

/// <summary>
/// A tree of files behind a driver: five verbs and one way for each to fail, which is a <see cref="MountException"/>.
/// Opening a file is taking a capability over its path, so there is no verb for it here.
/// </summary>
/// <param name="at">Where it is mounted: what it names as a source begins with this.</param>
public abstract class FileMount(TreePath at) : Driver
{
    /// <summary>Bytes that one reading brings; whoever wants more reads on from there.</summary>
    public const int MostRead = 64 * 1024;

    public const int MostEntries = 10_000;

    private const int MostHits = 10;

    public TreePath At { get; } = at;

    public abstract FileEntry Stat(TreePath path);

    public abstract IReadOnlyList<FileEntry> List(TreePath path);

    /// <param name="from">The first byte; one inside a character stands for the next character.</param>
    public abstract FilePiece Read(TreePath path, long from, int most);

    /// <returns>What was done, in a line.</returns>
    public virtual string Write(TreePath path, string text, Label label) =>
        throw new MountException(SysStatus.Denied, $"{path.At(At)}: this place cannot be written.");

    public virtual IReadOnlyList<FileHit> Search(TreePath path, string query, int most) =>
        throw new MountException(SysStatus.Malformed, $"{At}: this place cannot be searched; list it.");

    public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(call);
        cancel.ThrowIfCancellationRequested();
        try
        {
            return ValueTask.FromResult(Answer(call));
        }
        catch (MountException e)
        {
            return ValueTask.FromResult(new SysResult(e.Status, e.Message, Label.From(Source.Kernel)));
        }
    }

    /// <summary>The label of names and sizes here.</summary>
    protected virtual Label Names => Label.From(Source.Kernel);

    protected MountException NotFound(TreePath path) =>
        new(SysStatus.NotFound, $"{path.At(At)}: there is no such file or folder.");

    protected MountException IsFolder(TreePath path) =>
        new(SysStatus.Malformed, $"{path.At(At)}: is a folder; list it.");

    protected MountException IsFile(TreePath path) =>
        new(SysStatus.Malformed, $"{path.At(At)}: is a file; read it.");

    /// <summary>Cuts a piece out of the bytes of a file, at whole characters.</summary>
    /// <param name="bytes">From <paramref name="from"/> on, and some more where there are more.</param>
    /// <exception cref="MountException">The bytes are no text.</exception>
    protected (string Text, long From, long To) Cut(TreePath path, ReadOnlySpan<byte> bytes, long from, int most)
    {
        var begin = 0;
        while (from > 0 && begin < Math.Min(bytes.Length, 4) && (bytes[begin] & 0xC0) == 0x80)
            begin++;
        var end = Math.Min(bytes.Length, begin + most);
        // Not behind the first bytes of a character whose others follow.
        for (var back = 1; back <= 3 && end - back >= begin; back++)
            if ((bytes[end - back] & 0xC0) == 0xC0)
            {
                var length = bytes[end - back] >= 0xF0 ? 4 : bytes[end - back] >= 0xE0 ? 3 : 2;
                end = back < length && (end - back > begin || end < bytes.Length) ? end - back : end;
                break;
            }

        try
        {
            var text = s_strict.GetString(bytes[begin..end]);
            if (text.Contains('\0', StringComparison.Ordinal))
                throw new MountException(SysStatus.Failed, $"{path.At(At)}: holds a NUL byte; only text can be read.");
            return (text, from + begin, from + end);
        }
        catch (DecoderFallbackException e)
        {
            throw new MountException(SysStatus.Failed, $"{path.At(At)}: is no UTF-8 text (byte " +
                $"{from + begin + Math.Max(0, e.Index)}); only text can be read.");
        }
    }

    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    private SysResult Answer(DriverCall call)
    {
        var path = TreePath.Parse(call.Path);
        switch (call.Verb)
        {
            case Verb.Stat:
                var entry = Stat(path);
                var when = entry.Modified is { } time ? $", changed {time.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z" : "";
                var note = entry.Note.Length > 0 ? $", {entry.Note}" : "";
                return Ok(entry.IsFolder ? $"folder{when}{note}" : $"file, {entry.Bytes} bytes{when}{note}", Names);
            case Verb.List:
                return Ok(string.Join('\n', List(path)), Names);
            case Verb.Read:
                var (from, most) = Range(call.Body);
                var piece = Read(path, from, most);
                return Ok(piece.Text, piece.Label) with
                {
                    Extents = [new Extent(piece.Uri ?? path.At(At).ToString(), piece.From, piece.To)],
                };
            case Verb.Write:
                return Ok(Write(path, call.Body, call.Label), Names);
            case Verb.Search:
                var hits = Search(path, call.Body, MostHits);
                var lines = hits.Select(hit => $"{hit.Path.At(At)}:{hit.From}-{hit.To}\n{hit.Text}\n");
                return Ok(hits.Count == 0 ? "Nothing was found." : string.Join('\n', lines),
                    Label.Join(hits.Select(hit => hit.Label).Append(Names))) with
                {
                    Extents = [.. hits.Select(hit => new Extent(hit.Path.At(At).ToString(), hit.From, hit.To))],
                };
            default:
                throw new MountException(SysStatus.Malformed, $"{path.At(At)}: is no tool and cannot be called.");
        }
    }

    private static SysResult Ok(string text, Label label) => new(SysStatus.Ok, text, label);

    // Nothing, or "from", or "from-to" in bytes.
    private static (long From, int Most) Range(string body)
    {
        if (body.Length == 0)
            return (0, MostRead);
        var parts = body.Split('-');
        long to = long.MaxValue;
        if (parts.Length > 2 || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            || (parts.Length == 2 && !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out to))
            || to < from)
            throw new MountException(SysStatus.Malformed,
                $"'{TreePath.Shown(body)}' is no range of bytes such as 0-4096.");
        return (from, (int)Math.Min(MostRead, to - from));
    }
}
