using System.Text;
using System.Text.Json;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A tool in the tree.</summary>
/// <param name="Description">
/// What a model is told of a function, as OpenAI writes it: {"type": "function", "function": {...}} around its name,
/// its description and its parameters, a JSON Schema.
/// </param>
public sealed record MountedTool(string Description, Driver Driver)
{
    internal JsonElement Parsed { get; } = Parse(Description);

    public string Name => Parsed.GetProperty("name").GetString()!;

    /// <summary>What it does, in a line.</summary>
    public string Line => Parsed.GetProperty("description").GetString()!.ReplaceLineEndings(" ");

    private static JsonElement Parse(string description)
    {
        try
        {
            var parsed = JsonElement.Parse(description).GetProperty("function");
            if (parsed.GetProperty("name").GetString() is { } name && TreePath.IsName(name)
                && parsed.GetProperty("description").GetString() is { Length: > 0 }
                && parsed.GetProperty("parameters").ValueKind == JsonValueKind.Object)
                return parsed;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
        }

        throw new ArgumentException(
            "A tool is described by a function with a name, a description and parameters.", nameof(description));
    }
}

/// <summary>
/// toolfs: a tool is a file. Its line stands in the list, its schema is read when it is needed, and calling it is a
/// call of that path. So a process that may call a hundred tools carries a hundred lines and not a hundred schemas.
/// </summary>
public sealed class ToolMount : FileMount
{
    private readonly Dictionary<string, MountedTool> _tools;
    private readonly Dictionary<string, int> _uses = [];

    public ToolMount(TreePath at, IEnumerable<MountedTool> tools) : base(at) =>
        _tools = tools.ToDictionary(tool => tool.Name);

    public override Effect ClassOf(Verb verb, string path) => verb == Verb.Call
        && _tools.GetValueOrDefault(path.TrimStart('/')) is { } tool ? tool.Driver.ClassOf(verb, "/") : Effect.Pure;

    public override long MaxPrice(Verb verb, string path, string body) => verb == Verb.Call
        && _tools.GetValueOrDefault(path.TrimStart('/')) is { } tool ? tool.Driver.MaxPrice(verb, "/", body) : 0;

    public override async ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        if (call.Verb != Verb.Call)
            return await base.CallAsync(call, cancel).ConfigureAwait(false);
        if (_tools.GetValueOrDefault(call.Path.TrimStart('/')) is not { } tool)
            return new SysResult(SysStatus.NotFound, $"{At}{call.Path}: there is no such tool. There are " +
                $"{string.Join(", ", _tools.Keys.Order(StringComparer.Ordinal))}.", Label.From(Source.Kernel));
        lock (_uses)
            _uses[tool.Name] = _uses.GetValueOrDefault(tool.Name) + 1;
        return await tool.Driver.CallAsync(call with { Path = "/" }, cancel).ConfigureAwait(false);
    }

    public override ValueTask<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(
        DriverCall call, CancellationToken cancel) =>
        _tools.GetValueOrDefault(call.Path.TrimStart('/')) is { } tool
            ? tool.Driver.ProbeAsync(call with { Path = "/" }, cancel) : base.ProbeAsync(call, cancel);

    public override FileEntry Stat(TreePath path) => path.IsRoot ? new FileEntry("", true, 0)
        : new FileEntry(path.Name, false, Encoding.UTF8.GetByteCount(Find(path).Description), Note: Find(path).Line);

    public override IReadOnlyList<FileEntry> List(TreePath path) => path.IsRoot
        ? [.. _tools.Values.OrderBy(tool => tool.Name, StringComparer.Ordinal).Select(tool =>
            Stat(path.Child(tool.Name)))]
        : Find(path) is { } ? throw IsFile(path) : [];

    public override FilePiece Read(TreePath path, long from, int most)
    {
        var all = Encoding.UTF8.GetBytes(path.IsRoot ? throw IsFolder(path) : Find(path).Description);
        var bytes = all.AsSpan((int)Math.Min(from, all.Length));
        var (text, first, end) = Cut(path, bytes[..Math.Min(bytes.Length, most + 4)], from, most);
        return new FilePiece(text, first, end, all.Length, Label.From(Source.Kernel));
    }

    /// <summary>
    /// What an agent is told of the tools: the whole description of those that were called most, because a schema that
    /// is wanted in every turn is cheaper in the stable prefix than read each time, and a line for each of the others.
    /// </summary>
    /// <param name="whole">How many are described in whole.</param>
    /// <param name="may">Whether it may call the tool at a path.</param>
    public (IReadOnlyList<string> Whole, IReadOnlyList<string> Lines) Index(int whole, Func<string, bool> may)
    {
        Dictionary<string, int> uses;
        lock (_uses)
            uses = new Dictionary<string, int>(_uses);
        List<MountedTool> tools = [.. _tools.Values.Where(tool => may($"{At}/{tool.Name}"))
            .OrderByDescending(tool => uses.GetValueOrDefault(tool.Name))
            .ThenBy(tool => tool.Name, StringComparer.Ordinal)];
        // By name: agents with the same tools share their keys and values, whatever was called in between.
        return ([.. tools.Take(whole).OrderBy(tool => tool.Name, StringComparer.Ordinal)
                .Select(tool => tool.Description)],
            [.. tools.Skip(whole).OrderBy(tool => tool.Name, StringComparer.Ordinal)
                .Select(tool => $"{At}/{tool.Name}: {tool.Line}")]);
    }

    private MountedTool Find(TreePath path) =>
        path.Names.Count == 1 && _tools.GetValueOrDefault(path.Name) is { } tool ? tool : throw NotFound(path);
}
