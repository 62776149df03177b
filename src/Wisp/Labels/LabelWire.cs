using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>
/// What the page gets to see. Of a candidate that is what it says, and neither which model made it nor with which seed.
/// </summary>
internal static class LabelWire
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static JsonObject Of(Presentation presentation)
    {
        var prompt = presentation.Comparison.Prompt;
        return new JsonObject
        {
            ["state"] = "judge",
            ["id"] = presentation.Id,
            ["prompt"] = new JsonArray([.. prompt.Turns.Select(Turn)]),
            ["functions"] = new JsonArray([.. (prompt.Tools ?? []).Select(tool =>
                tool is JsonObject ? (tool["function"] ?? tool)["name"]?.DeepClone() : null)]),
            ["candidates"] = new JsonArray([.. presentation.Shown.Select(place =>
            {
                var candidate = presentation.Comparison.Candidates[place];
                var json = Turn(candidate.Turn);
                json["cut"] = candidate.WasCut;
                return json;
            })]),
        };
    }

    private static JsonNode Turn(ConversationTurn turn) => new JsonObject
    {
        ["role"] = Conversation.Name(turn.Role),
        ["text"] = turn.Text,
        ["thought"] = turn.Thought,
        ["calls"] = new JsonArray([.. turn.Calls.Select(call => (JsonNode)new JsonObject
        {
            ["name"] = call.Name, ["arguments"] = call.Arguments.ToJsonString(s_indented),
        })]),
    };
}
