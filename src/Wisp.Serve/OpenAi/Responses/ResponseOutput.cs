using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Model;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>
/// From the updates of an answer to the output items of a response and the events that tell of them: an item opens,
/// grows, and closes when another kind of content comes.
/// </summary>
internal sealed class ResponseOutput(string id, Tokenizer tokenizer)
{
    private readonly AnswerParts _parts = new(tokenizer);
    private readonly List<JsonObject> _items = [];
    private readonly StringBuilder _text = new(); // of the item that is open
    private JsonObject? _open;
    private int _told; // log-probabilities that belong to closed items

    public IReadOnlyList<JsonObject> Items => _items;

    public AnswerParts Parts => _parts;

    /// <summary>The events of one update, without their numbers.</summary>
    public IEnumerable<JsonObject> Add(ChatResponseUpdate update)
    {
        _parts.Add(update);
        foreach (var content in update.Contents)
        {
            IEnumerable<JsonObject> events = content switch
            {
                TextContent said => Grow("message", () => Message(), said.Text),
                TextReasoningContent thought => Grow("reasoning", () => Thoughts(), thought.Text),
                FunctionCallDelta { Name: { } name } call => [.. Close(), .. Open(Call(call.CallId, name))],
                FunctionCallDelta call => Pieces(call.Arguments),
                _ => [],
            };
            foreach (var one in events)
                yield return one;
        }
    }

    /// <summary>The events that close what is open.</summary>
    public IEnumerable<JsonObject> Finish() => Close();

    private IEnumerable<JsonObject> Grow(string type, Func<JsonObject> create, string text)
    {
        if ((string?)_open?["type"] != type)
        {
            foreach (var one in (IEnumerable<JsonObject>)[.. Close(), .. Open(create())])
                yield return one;
            var opened = Event("response.content_part.added");
            opened["content_index"] = 0;
            opened["part"] = Part("");
            yield return opened;
        }

        _text.Append(text);
        var delta = Event(type == "message" ? "response.output_text.delta" : "response.reasoning_text.delta");
        delta["content_index"] = 0;
        delta["delta"] = text;
        if (type == "message")
            delta["logprobs"] = new JsonArray();
        yield return delta;
    }

    private IEnumerable<JsonObject> Pieces(string arguments)
    {
        if (arguments.Length == 0)
            yield break;
        _text.Append(arguments);
        var delta = Event("response.function_call_arguments.delta");
        delta["delta"] = arguments;
        yield return delta;
    }

    private IEnumerable<JsonObject> Open(JsonObject item)
    {
        _items.Add(item);
        _open = item;
        _text.Clear();
        yield return Added("response.output_item.added");
    }

    private IEnumerable<JsonObject> Close()
    {
        if (_open is null)
            yield break;
        if ((string)_open["type"]! == "function_call")
        {
            _open["arguments"] = _text.ToString();
            var done = Event("response.function_call_arguments.done");
            done["arguments"] = _text.ToString();
            done["name"] = (string)_open["name"]!;
            yield return done;
        }
        else
        {
            var isMessage = (string)_open["type"]! == "message";
            var done = Event(isMessage ? "response.output_text.done" : "response.reasoning_text.done");
            done["content_index"] = 0;
            done["text"] = _text.ToString();
            if (isMessage)
                done["logprobs"] = new JsonArray();
            yield return done;
            var part = Event("response.content_part.done");
            part["content_index"] = 0;
            part["part"] = Part(_text.ToString(), isMessage ? _parts.Scores.Skip(_told) : []);
            _open["content"] = new JsonArray(part["part"]!.DeepClone());
            yield return part;
        }

        _told = _parts.Scores.Count;
        _open["status"] = "completed";
        yield return Added("response.output_item.done");
        _open = null;
    }

    private JsonObject Event(string type) => new()
    {
        ["type"] = type, ["item_id"] = (string)_open!["id"]!, ["output_index"] = _items.Count - 1,
    };

    private JsonObject Added(string type) => new()
    {
        ["type"] = type, ["output_index"] = _items.Count - 1, ["item"] = _open!.DeepClone(),
    };

    private JsonObject Part(string text, IEnumerable<TokenLogProbability>? scores = null)
    {
        if ((string)_open!["type"]! == "reasoning")
            return new JsonObject { ["type"] = "reasoning_text", ["text"] = text };
        var told = new JsonArray();
        foreach (var score in scores ?? [])
            told.Add(JsonSerializer.SerializeToNode(score, OpenAiJson.Default.TokenLogProbability));
        return new JsonObject
        {
            ["type"] = "output_text", ["text"] = text, ["annotations"] = new JsonArray(), ["logprobs"] = told,
        };
    }

    private JsonObject Message() => new()
    {
        ["id"] = IdOf("msg"), ["type"] = "message", ["status"] = "in_progress", ["role"] = "assistant",
        ["content"] = new JsonArray(),
    };

    private JsonObject Thoughts() => new()
    {
        ["id"] = IdOf("rs"), ["type"] = "reasoning", ["status"] = "in_progress", ["summary"] = new JsonArray(),
        ["content"] = new JsonArray(),
    };

    private JsonObject Call(string callId, string name) => new()
    {
        ["id"] = IdOf("fc"), ["type"] = "function_call", ["status"] = "in_progress", ["call_id"] = callId,
        ["name"] = name, ["arguments"] = "",
    };

    private string IdOf(string kind) => $"{kind}_{id}{_items.Count:00}";
}
