using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Eval.Scoring;

namespace Wisp.Train.Eval.Tasks;

/// <summary>Requests to be answered by calls of functions.</summary>
internal static class CallSets
{
    private const string Bfcl = "bfcl.tar.zst", Sgd = "sgd-dev.jsonl.zst", SgdSchema = "sgd-dev.schema.json";

    // The parts of the leaderboard that are judged by syntax tree and written for Python.
    private static readonly string[] s_parts =
        ["simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_multiple", "irrelevance"];

    public static IEnumerable<(string Name, Func<TaskFiles, EvalTask?> Open)> All =>
    [
        ("bfcl", files => files.Find(Bfcl) is null ? null : Berkeley(files)),
        ("sgd", files => files.Find(Sgd) is null || files.Find(SgdSchema) is null ? null : Guided(files)),
    ];

    private static CallTask Berkeley(TaskFiles files)
    {
        var items = new List<CallItem>();
        foreach (var part in s_parts)
        {
            var file = $"data/BFCL_v4_{part}.json";
            var answers = new Dictionary<string, JsonArray>();
            if (part != "irrelevance")
                foreach (var (id, right) in TaskFiles.Objects(
                    files.Read(Bfcl, $"possible_answer/BFCL_v4_{part}.json"), part, node =>
                        (Text(node["id"]), node["ground_truth"]!.AsArray())))
                    answers[id] = right;
            items.AddRange(TaskFiles.Objects(files.Read(Bfcl, file), file, node =>
            {
                var functions = node["function"]!.AsArray();
                var schemas = functions.ToDictionary(
                    function => Text(function!["name"]), function => Schema(function!["parameters"]!.AsObject()));
                return new CallItem(
                    new Conversation([.. node["question"]![0]!.AsArray().Select(turn => new ConversationTurn(
                        Text(turn!["role"]) == "system" ? Role.System : Role.User, Text(turn["content"])))])
                    {
                        Tools = Tools(functions.Select(function => (
                            Text(function!["name"]), Text(function["description"]),
                            schemas[Text(function["name"])]))),
                    },
                    [.. (answers.GetValueOrDefault(Text(node["id"])) ?? []).Select(call => Expected(call!, schemas))],
                    part);
            }));
        }

        // Turns of several users in a row, which some of the live part have, are no conversation that we render.
        return new CallTask("bfcl", Bfcl, [.. items.Where(item =>
            item.Asked.Turns.Count(turn => turn.Role == Role.User) == 1)]);
    }

    private static ExpectedCall Expected(JsonNode call, Dictionary<string, JsonObject> schemas)
    {
        var (name, arguments) = call.AsObject().Single();
        return new ExpectedCall(name, arguments!.AsObject().ToDictionary(
            pair => pair.Key, pair => (IReadOnlyList<JsonNode?>)[.. pair.Value!.AsArray()]), schemas[name]);
    }

    // The leaderboard's names of types are Python's; ours are JSON Schema's.
    internal static JsonObject Schema(JsonObject given)
    {
        var schema = new JsonObject();
        foreach (var (key, value) in given)
            schema[key] = key switch
            {
                "type" when value is JsonValue => Text(value).ToLowerInvariant() switch
                {
                    "dict" => "object",
                    "float" or "double" or "long" => "number",
                    "tuple" or "list" => "array",
                    "bool" => "boolean",
                    "str" => "string",
                    var other => other,
                },
                "items" when value is JsonObject items => Schema(items),
                "properties" when value is JsonObject properties => new JsonObject(properties.Select(pair =>
                    KeyValuePair.Create(
                        pair.Key, (JsonNode?)(pair.Value is JsonObject inner ? Schema(inner) : null)))),
                _ => value?.DeepClone(),
            };
        return schema;
    }

    // Rastogi et al. 2020, arXiv:1909.05855: what was said up to the first call of a service, and that call.
    private static CallTask Guided(TaskFiles files)
    {
        var services = TaskFiles.Objects(TaskFiles.Whole(files.Find(SgdSchema)!), SgdSchema, node => node)
            .ToDictionary(service => Text(service["service_name"]));
        var items = new List<CallItem>();
        foreach (var item in TaskFiles.Objects(TaskFiles.Whole(files.Find(Sgd)!), Sgd, node => Guided(node, services)))
            if (item is not null)
                items.Add(item);
        return new CallTask("sgd", Sgd, items);
    }

    private static CallItem? Guided(JsonNode dialogue, Dictionary<string, JsonNode> services)
    {
        var turns = dialogue["turns"]!.AsArray();
        var at = 0;
        while (at < turns.Count && turns[at]!["calls"] is null)
            at++;
        if (at == turns.Count)
            return null;
        var call = turns[at]!["calls"]![0]!;
        var offered = dialogue["services"]!.AsArray().Select(name => services[Text(name)])
            .SelectMany(service => service["intents"]!.AsArray().Select(intent => (service, intent!)));
        return new CallItem(
            new Conversation([.. turns.Take(at).Select(turn => new ConversationTurn(
                Text(turn!["speaker"]) == "USER" ? Role.User : Role.Assistant, Text(turn["text"])))])
            {
                Tools = Tools(offered.Select(pair => (
                    Text(pair.Item2["name"]), Text(pair.Item2["description"]), Slots(pair.service, pair.Item2)))),
            },
            [new ExpectedCall(Text(call["method"]), call["parameters"]!.AsObject().ToDictionary(
                pair => pair.Key, pair => (IReadOnlyList<JsonNode?>)[pair.Value]))]);
    }

    private static JsonObject Slots(JsonNode service, JsonNode intent)
    {
        string[] required = [.. intent["required_slots"]!.AsArray().Select(Text)];
        var properties = new JsonObject();
        foreach (var name in required.Concat(intent["optional_slots"]!.AsObject().Select(pair => pair.Key)))
        {
            var slot = service["slots"]!.AsArray().First(slot => Text(slot!["name"]) == name)!;
            properties[name] = new JsonObject
            {
                ["type"] = "string", ["description"] = slot["description"]!.DeepClone(),
            };
        }

        return new JsonObject
        {
            ["type"] = "object", ["properties"] = properties,
            ["required"] = new JsonArray([.. required.Select(name => (JsonNode)name)]),
        };
    }

    private static JsonArray Tools(IEnumerable<(string Name, string Description, JsonObject Schema)> functions) =>
        new([.. functions.Select(function => new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = function.Name, ["description"] = function.Description,
                ["parameters"] = function.Schema.DeepClone(),
            },
        })]);

    private static string Text(JsonNode? node) => node!.GetValue<string>();
}
