using System.Text.Json.Nodes;
using Wisp.Chat;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// JSON in the spelling of chat templates, which is Python's: what a model learns to write must not depend on who
/// rendered it, so the template's own filter writes here too.
/// </summary>
internal static class JsonSpelling
{
    private static readonly ChatTemplate s_filter = new("{{ value | tojson }}");

    public static string Of(JsonNode value) =>
        s_filter.Render([], null, false, new JsonObject { ["value"] = value.DeepClone() }, default);
}
