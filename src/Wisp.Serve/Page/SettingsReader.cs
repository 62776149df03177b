using Wisp.Serve.Http;
using Wisp.Serve.Talk;

namespace Wisp.Serve.Page;

/// <summary>Settings of a conversation as the page sends them; what is missing is the default.</summary>
internal static class SettingsReader
{
    // Beyond this a system message would be all that fits.
    private const int MostCharacters = 100_000;

    /// <exception cref="ApiException">A value of the wrong type or out of range.</exception>
    public static ChatSettings Read(Fields? fields) => fields is null ? new ChatSettings() : new ChatSettings
    {
        Model = fields.Text("model"),
        System = fields.Text("system") is { Length: > MostCharacters } ? throw ApiException.Invalid(
            $"The system message has more than {MostCharacters:N0} characters.", "system") : fields.Text("system"),
        Temperature = fields.Number("temperature", 0, 100),
        TopK = fields.Count("topK", 0), TopP = fields.Number("topP", 0, 1), MinP = fields.Number("minP", 0, 1),
        RepeatPenalty = fields.Number("repeatPenalty", 0.01, 100), MaxTokens = fields.Count("maxTokens", 1),
        Seed = fields.Whole("seed"), Tools = fields.Flag("tools"),
    };
}
