using Wisp.Chat;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// Whether a model's own chat template shows the model all that was said. One that drops a turn has taught the model to
/// answer without it, and what is learned here would be learned on top of that.
/// </summary>
public static class TemplateCheck
{
    private static readonly Conversation s_probe = new(
    [
        new(Role.System, "probe-of-the-system"), new(Role.User, "probe-of-the-user"),
        new(Role.Assistant, "probe-of-the-assistant"), new(Role.User, "probe-of-the-next-request"),
    ]);

    /// <summary>What it drops, in words; null where it drops nothing or says itself what it does not take.</summary>
    public static string? Dropped(ChatTemplate template)
    {
        // A template that refuses system turns says so; then the rest has to do without.
        foreach (var probe in (Conversation[])[s_probe, new([.. s_probe.Turns.Skip(1)])])
        {
            string text;
            try
            {
                text = template.Render(
                    ChatFormat.Messages(probe), null, addGenerationPrompt: true, null, DateTimeOffset.UnixEpoch);
            }
            catch (TemplateException)
            {
                continue;
            }

            for (var i = 0; i < probe.Turns.Count; i++)
                if (!text.Contains(probe.Turns[i].Text, StringComparison.Ordinal))
                    return $"the text of turn {i + 1} ({Conversation.Name(probe.Turns[i].Role)}) of a conversation";
            return null;
        }

        return "every conversation: it refuses them all";
    }
}
