using System.Text;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A path of the one tree in its one spelling, "/" or "/a/b": checked once, then only taken apart.</summary>
/// <remarks>
/// Names are compared as they are: no case is folded and nothing is composed, so a rule on one spelling says nothing
/// about another, and mounts refuse what is there under another spelling. "." and ".." are refused instead of resolved:
/// a rule must see the path that will be opened.
/// </remarks>
public readonly record struct TreePath
{
    public const int MostBytes = 4096;
    public const int MostNameBytes = 255;

    private readonly string? _text;

    private TreePath(string text) => _text = text == "/" ? null : text; // the default is the root

    public static TreePath Root => default;

    public bool IsRoot => Text.Length == 1;

    public IReadOnlyList<string> Names => IsRoot ? [] : Text[1..].Split('/');

    public string Name => IsRoot ? "" : Text[(Text.LastIndexOf('/') + 1)..];

    private string Text => _text ?? "/";

    /// <exception cref="MountException">It is no path; the message says why.</exception>
    public static TreePath Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Fault(text) is { } fault)
            throw new MountException(SysStatus.Malformed, $"{Shown(text)}: {fault}.");
        return new TreePath("/" + string.Join('/', text.Split('/', StringSplitOptions.RemoveEmptyEntries)));
    }

    public TreePath Child(string name) => Parse(IsRoot ? "/" + name : $"{Text}/{name}");

    public bool IsWithin(TreePath other) => other.IsRoot || Text == other.Text
        || (Text.Length > other.Text.Length && Text[other.Text.Length] == '/'
            && Text.StartsWith(other.Text, StringComparison.Ordinal));

    /// <summary>What is below another path, as a path.</summary>
    public TreePath Below(TreePath other) => !IsWithin(other)
        ? throw new ArgumentException($"{this} is not within {other}.", nameof(other))
        : other.IsRoot ? this : Text.Length == other.Text.Length ? Root : new TreePath(Text[other.Text.Length..]);

    /// <summary>This path below a mount, as the whole tree names it.</summary>
    public TreePath At(TreePath mount) => mount.IsRoot ? this : IsRoot ? mount : new TreePath(mount.Text + Text);

    public override string ToString() => Text;

    internal static bool IsName(string name) =>
        name.Length > 0 && !name.Contains('/', StringComparison.Ordinal) && Fault("/" + name) is null;

    // A name of a file inside a message: short, and without what could move a cursor.
    internal static string Shown(string text)
    {
        var line = string.Concat(text.Take(80).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
        return text.Length == 0 ? "(empty)" : text.Length > 80 ? line + "..." : line;
    }

    private static string? Fault(string text)
    {
        if (!text.StartsWith('/'))
            return "a path begins with a slash";
        if (text.Length > MostBytes || Encoding.UTF8.GetByteCount(text) > MostBytes)
            return $"a path has at most {MostBytes} bytes";
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]))
                return "a path has no control characters";
            if (text[i] == '\\')
                return "names are parted by slashes";
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
                return "it holds half a character";
        }

        foreach (var name in text.Split('/'))
            if (name is "." or "..")
                return "a path has no part . or ..; say it from the root on";
            else if (Encoding.UTF8.GetByteCount(name) > MostNameBytes)
                return $"a name has at most {MostNameBytes} bytes";
        return null;
    }
}
