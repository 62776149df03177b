using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Kernel.Cores;

namespace Wisp.Kernel;

/// <summary>What a turn said and which calls it made. A call that is none has no syscall, and a reason.</summary>
internal sealed record ParsedTurn(string Answer, IReadOnlyList<(Syscall? Call, string Written)> Calls);

/// <summary>
/// Turns what a model wrote into syscalls: the border between user mode and kernel mode. A name is a verb of files, a
/// call of the kernel's, or the name of a tool under /tools; nothing of it is run, looked up or believed here.
/// </summary>
internal static class CallParser
{
    /// <summary>Calls of one turn that are looked at.</summary>
    public const int MaxCalls = 16;

    private const int MaxBody = 1 << 20; // characters

    private static readonly HashSet<string> s_none = [];

    /// <param name="classOf">The effect class that the driver over a path gives a verb.</param>
    public static ParsedTurn Parse(Pid pid, string text, Func<Verb, string, Effect> classOf)
    {
        var parser = new AnswerParser(ToolStyle.Hermes, s_none, thinking: false, () => "");
        var answer = "";
        var calls = new List<(Syscall?, string)>();
        foreach (var part in parser.Push(text).Concat(parser.Finish()))
            switch (part)
            {
                case TextContent said:
                    answer += said.Text;
                    break;
                case FunctionCallContent call when calls.Count == MaxCalls:
                    break; // said once, below
                case FunctionCallContent call:
                    calls.Add(Of(pid, call, classOf));
                    break;
            }

        // A tag that opened no call is one that was meant.
        if (answer.Contains("<tool_call>", StringComparison.Ordinal))
            // Without the tag itself, which a model might repeat.
            calls.Add((null, "The call holds no JSON object with a name and arguments, such as " +
                """{"name": "fs.read", "arguments": {"path": "/docs/a.txt"}}."""));
        if (calls.Count == MaxCalls)
            calls.Add((null, $"A turn makes at most {MaxCalls} calls; what came after them was not done."));
        return new ParsedTurn(answer.Trim(), calls);
    }

    /// <summary>The same of a turn whose calls stand beside its text.</summary>
    public static ParsedTurn Parse(
        Pid pid, string text, IReadOnlyList<WrittenCall> written, Func<Verb, string, Effect> classOf)
    {
        var calls = new List<(Syscall?, string)>();
        foreach (var call in written.Take(MaxCalls))
            calls.Add(Members(call.Arguments) is { } arguments
                ? Of(pid, new FunctionCallContent("", call.Name, arguments), classOf)
                : (null, $"{call.Name}: the arguments are no JSON object."));
        if (written.Count > MaxCalls)
            calls.Add((null, $"A turn makes at most {MaxCalls} calls; what came after them was not done."));
        return new ParsedTurn(text.Trim(), calls);
    }

    private static Dictionary<string, object?>? Members(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind != JsonValueKind.Object ? null
                : document.RootElement.EnumerateObject().GroupBy(member => member.Name)
                    .ToDictionary(group => group.Key, group => (object?)group.Last().Value.Clone());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static (Syscall?, string) Of(Pid pid, FunctionCallContent call, Func<Verb, string, Effect> classOf)
    {
        try
        {
            var arguments = call.Arguments ?? new Dictionary<string, object?>();
            var body = JsonSerializer.Serialize(
                arguments.ToDictionary(pair => pair.Key, pair => (JsonElement)(pair.Value ?? s_null)),
                CallJson.Default.DictionaryStringJsonElement);
            if (body.Length > MaxBody)
                return (null, $"The arguments of {call.Name} are longer than {MaxBody} characters.");
            return (Typed(pid, call.Name, arguments, body, classOf), call.Name);
        }
        catch (CallFormatException e)
        {
            return (null, $"{call.Name}: {e.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or JsonException)
        {
            return (null, $"{call.Name}: the arguments hold half a character."); // of a surrogate pair, escaped
        }
    }

    private static Syscall Typed(
        Pid pid, string name, IDictionary<string, object?> arguments, string body, Func<Verb, string, Effect> classOf)
    {
        switch (name)
        {
            case "fs.list" or "fs.stat" or "fs.read" or "fs.write" or "fs.search":
                var verb = Enum.Parse<Verb>(name[3..], ignoreCase: true);
                var path = Path(Text(arguments, "path"));
                var argument = verb switch
                {
                    Verb.Write => Text(arguments, "text"),
                    Verb.Search => Text(arguments, "query"),
                    Verb.Read => Range(arguments),
                    _ => "",
                };
                return new DriverSyscall(pid, verb, path, argument, classOf(verb, path));
            case "proc.spawn":
                return new SpawnSyscall(pid, new SpawnRequest
                {
                    Name = Clip(Optional(arguments, "name") ?? "child"),
                    Instructions = Optional(arguments, "instructions") ?? "", Message = Text(arguments, "message"),
                });
            case "proc.fork":
                return new ForkSyscall(pid, Clip(Optional(arguments, "name") ?? "branch"), Text(arguments, "message"));
            case "proc.wait":
                return new WaitSyscall(pid, Number(arguments, "pid"));
            case "proc.kill":
                var signal = Optional(arguments, "signal") ?? "TERM";
                return new KillSyscall(pid, Number(arguments, "pid"), signal.ToUpperInvariant() switch
                {
                    "TERM" => Signal.Term,
                    "KILL" => Signal.Kill,
                    "STOP" => Signal.Stop,
                    "CONT" => Signal.Continue,
                    "INT" => Signal.Int,
                    _ => throw new CallFormatException($"'{Clip(signal)}' is none of TERM, KILL, STOP, CONT and INT."),
                });
            case "user.ask":
                return new AskSyscall(pid, Text(arguments, "question"));
            case "time.sleep":
                return arguments.TryGetValue("seconds", out var seconds) && seconds is JsonElement
                { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var value)
                    && value is >= 0 and <= 86_400 ? new SleepSyscall(pid, value)
                    : throw new CallFormatException("'seconds' must be a number from 0 to 86400.");
            case "tool.call":
                var tool = Path("/tools/" + Text(arguments, "name"));
                var inner = arguments.TryGetValue("arguments", out var found) && found is JsonElement
                { ValueKind: JsonValueKind.Object } given ? given.GetRawText() : "{}";
                return new DriverSyscall(pid, Verb.Call, tool, inner, classOf(Verb.Call, tool));
            default:
                if (name.Contains('/') || name.Contains("..") || name.Length > 64)
                    throw new CallFormatException("is no name of a call or a tool.");
                var named = Path("/tools/" + name);
                return new DriverSyscall(pid, Verb.Call, named, body, classOf(Verb.Call, named));
        }
    }

    /// <summary>An absolute path in its one spelling: no empty, "." or ".." parts, no control characters.</summary>
    internal static string Path(string path)
    {
        if (!path.StartsWith('/') || path.Length > 4096 || path.Any(char.IsControl) || path.Contains('\\'))
            throw new CallFormatException($"'{Clip(path)}' is no absolute path.");
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Any(part => part is "." or ".."))
            throw new CallFormatException($"'{Clip(path)}' has a part . or .., and paths are absolute here.");
        return "/" + string.Join('/', parts);
    }

    private static readonly JsonElement s_null = JsonDocument.Parse("null").RootElement.Clone();

    private static string Text(IDictionary<string, object?> arguments, string name) =>
        Optional(arguments, name) ?? throw new CallFormatException($"'{name}' is missing.");

    private static string? Optional(IDictionary<string, object?> arguments, string name)
    {
        if (!arguments.TryGetValue(name, out var value) || value is not JsonElement element)
            return null;
        if (element.ValueKind != JsonValueKind.String)
            throw new CallFormatException($"'{name}' must be a text.");
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            throw new CallFormatException($"'{name}' holds half a character.");
        }
    }

    private static Pid Number(IDictionary<string, object?> arguments, string name) =>
        arguments.TryGetValue(name, out var value) && value is JsonElement { ValueKind: JsonValueKind.Number } element
        && element.TryGetInt32(out var number) ? new Pid(number)
        : throw new CallFormatException($"'{name}' must be the number of a process.");

    // As mounts take it: nothing, or the first byte, or the first and the one after the last.
    private static string Range(IDictionary<string, object?> arguments)
    {
        var (from, to) = (Byte(arguments, "from"), Byte(arguments, "to"));
        if (to < (from ?? 0))
            throw new CallFormatException($"'to' is {to}, before 'from'.");
        return (from, to) switch
        {
            (null, null) => "",
            (_, null) => $"{from}",
            _ => $"{from ?? 0}-{to}",
        };
    }

    private static long? Byte(IDictionary<string, object?> arguments, string name) =>
        !arguments.TryGetValue(name, out var value) || value is null or JsonElement { ValueKind: JsonValueKind.Null }
            ? null
        : value is JsonElement { ValueKind: JsonValueKind.Number } element && element.TryGetInt64(out var number)
            && number >= 0 ? number
        : throw new CallFormatException($"'{name}' must be a number of bytes.");

    private static string Clip(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private sealed class CallFormatException(string message) : Exception(message);
}

[System.Text.Json.Serialization.JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class CallJson : System.Text.Json.Serialization.JsonSerializerContext;
