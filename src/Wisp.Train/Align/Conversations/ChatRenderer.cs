using System.Text;
using Wisp.Model;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// A conversation as tokens. A token is a target where the assistant wrote it: its text, its calls, its thoughts and
/// the token that ends its turn.
/// </summary>
public sealed record ChatTokens(int[] Ids, bool[] IsTarget)
{
    public int Targets => IsTarget.Count(target => target);
}

/// <summary>
/// Turns conversations into tokens and says in the same breath which of them are to be learned, so the two cannot
/// drift apart. Control tokens come from here alone: whatever a user, a document or a tool wrote stays text, even
/// where it spells one.
/// </summary>
public sealed class ChatRenderer
{
    private readonly Tokenizer _tokenizer;

    /// <exception cref="InvalidDataException">The vocabulary has no tokens for turns.</exception>
    public ChatRenderer(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        foreach (var token in (string[])[ChatFormat.Start, ChatFormat.End])
            if (tokenizer.IdOf(token) < 0)
                throw new InvalidDataException(
                    $"The tokenizer has no token {token}, which begins or ends a turn. Train from a model whose " +
                    "vocabulary has the tokens of ChatML, such as one by `wisp train pretrain`.");
        EndOfTurn = tokenizer.IdOf(ChatFormat.End);
    }

    /// <summary>The token that ends a turn.</summary>
    public int EndOfTurn { get; }

    /// <summary>All of a conversation.</summary>
    public ChatTokens Render(Conversation conversation)
    {
        var page = Begin(conversation);
        return new ChatTokens([.. page.Ids], [.. page.IsTarget]);
    }

    /// <summary>What a model reads before it writes the next turn of the assistant.</summary>
    public int[] Prompt(Conversation conversation)
    {
        var page = Begin(conversation);
        page.Control(ChatFormat.Start);
        page.Text("assistant\n");
        page.Flush();
        return [.. page.Ids];
    }

    private Page Begin(Conversation conversation)
    {
        var page = new Page(_tokenizer);
        // A document begins where the one before ended, as in pretraining and as every reader of the file does.
        if (_tokenizer is { AddBos: true, Bos: >= 0 })
            page.Add(_tokenizer.Bos);
        var turns = conversation.Turns;
        if (conversation.Tools is { Count: > 0 } tools)
        {
            page.Control(ChatFormat.Start);
            page.Text("system\n");
            if (turns is [{ Role: Role.System } system, ..])
                page.Text(system.Text.Trim() + "\n\n");
            page.Text(ChatFormat.ToolsBefore);
            foreach (var tool in tools)
                page.Text("\n" + JsonSpelling.Of(tool!));
            page.Text(ChatFormat.ToolsAfter);
            page.Control(ChatFormat.End);
            page.Text("\n");
            turns = turns is [{ Role: Role.System }, ..] ? [.. turns.Skip(1)] : turns;
        }

        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role == Role.Tool)
                Result(page, turns[i], i == 0 || turns[i - 1].Role != Role.Tool,
                    i == turns.Count - 1 || turns[i + 1].Role != Role.Tool);
            else
                Turn(page, turns[i]);
        }

        page.Flush();
        return page;
    }

    private static void Turn(Page page, ConversationTurn turn)
    {
        page.Control(ChatFormat.Start);
        page.Text(Conversation.Name(turn.Role) + "\n");
        page.Learn(turn.Role == Role.Assistant);
        if (turn.Thought is { Length: > 0 } thought)
        {
            page.Control(ChatFormat.Think);
            page.Text("\n" + thought.Trim() + "\n");
            page.Control(ChatFormat.EndThink);
            page.Text("\n\n");
        }

        var text = turn.Text.Trim();
        page.Text(text);
        for (var i = 0; i < turn.Calls.Count; i++)
        {
            page.Text(text.Length > 0 || i > 0 ? "\n" : "");
            page.Control(ChatFormat.Call);
            var arguments = JsonSpelling.Of(turn.Calls[i].Arguments);
            page.Text($"\n{{\"name\": \"{turn.Calls[i].Name}\", \"arguments\": {arguments}}}\n");
            page.Control(ChatFormat.EndCall);
        }

        page.Control(ChatFormat.End);
        page.Learn(false);
        page.Text("\n");
    }

    // Results of calls made together share a turn, which is the user's: a model learns to answer them, not to make
    // them up.
    private static void Result(Page page, ConversationTurn turn, bool first, bool last)
    {
        if (first)
        {
            page.Control(ChatFormat.Start);
            page.Text("user");
        }

        page.Text("\n");
        page.Control(ChatFormat.Result);
        page.Text("\n" + turn.Text.Trim() + "\n");
        page.Control(ChatFormat.EndResult);
        if (last)
        {
            page.Control(ChatFormat.End);
            page.Text("\n");
        }
    }

    /// <summary>
    /// Tokens in the making. Text between two control tokens is encoded in one piece, as a reader of the rendered text
    /// would; a piece also ends where learning begins or ends. No word crosses that border: the turn's text is
    /// trimmed, and the line break before it is a piece of its own in every split that we train with.
    /// </summary>
    private sealed class Page(Tokenizer tokenizer)
    {
        private readonly StringBuilder _text = new();
        private bool _learn;

        public List<int> Ids { get; } = [];

        public List<bool> IsTarget { get; } = [];

        public void Text(string text) => _text.Append(text);

        public void Learn(bool learn)
        {
            Flush();
            _learn = learn;
        }

        public void Control(string token)
        {
            var id = tokenizer.IdOf(token);
            if (id < 0)
            {
                Text(token); // a vocabulary without tokens for calls and thoughts spells them
                return;
            }

            Flush();
            Add(id);
        }

        public void Add(int id)
        {
            Ids.Add(id);
            IsTarget.Add(_learn);
        }

        public void Flush()
        {
            if (_text.Length == 0)
                return;
            tokenizer.Encode(Encoding.UTF8.GetBytes(_text.ToString()), Ids);
            IsTarget.AddRange(Enumerable.Repeat(_learn, Ids.Count - IsTarget.Count));
            _text.Clear();
        }
    }
}
