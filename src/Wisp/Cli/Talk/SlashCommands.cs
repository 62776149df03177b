using System.Globalization;
using System.Text;
using Spectre.Console;
using Wisp.Agents;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Cli.Talk;

/// <summary>What a person can say to the program instead of the model: lines that begin with a slash.</summary>
internal sealed class SlashCommands
{
    private const int Listed = 15;

    private readonly Conversing _talk;
    private readonly List<(string Name, string Argument, string Help, Action<string> Do)> _all;

    public SlashCommands(Conversing talk)
    {
        _talk = talk;
        _all =
        [
            ("/help", "", "Show this", _ => Help()),
            ("/new", "", "Begin a new conversation", _ => New()),
            ("/retry", "", "Have the last message answered anew", _ => Retry()),
            ("/undo", "", "Take the last message and its answer back", _ => talk.Return(Last().Question)),
            ("/edit", "", "Change the last message and say it again",
                _ => talk.Return(Last().Question, Last().Question.Text)),
            ("/list", "[TEXT]", "Show kept conversations, or those that hold a text", List),
            ("/load", "N|TEXT", "Go on with a kept conversation", Load),
            ("/title", "TEXT", "Name this conversation", Title),
            ("/save", "FILE", "Write this conversation to a file, as Markdown", Save),
            ("/copy", "", "Copy the last answer to the clipboard", _ => Copy()),
            ("/tokens", "", "Show how sure the model was of each token of its last answer", _ => Tokens()),
            ("/model", "[NAME]", "Show the models, or talk with another one", Model),
            ("/system", "[TEXT]", "Show or change what the model is told first; - removes it", Instruct),
            ("/set", "[NAME VALUE]", "Show or change how it writes: temperature 0.5; - is the default", Set),
            ("/tools", "[on|off]", "Show or change whether the model may use the calculator and files", Tools),
            ("/mount", "[-w] [DIR [/PATH]]",
                "Show or give folders that models may read; -w lets them ask to write there", Mount),
            ("/umount", "/PATH", "Take a folder away from models", Unmount),
            ("/clear", "", "Clear the screen", _ => talk.Console.Profile.Out.Writer.Write("\e[H\e[2J")),
            ("/quit", "", "End", _ => talk.IsOver = true),
        ];
    }

    /// <summary>A path such as /etc/hosts is something to say.</summary>
    public static bool IsCommand(string text) => text.TrimStart().Split((char[]?)null, 2)[0] is ['/', .. var rest]
        && (rest.Length == 0 || rest.All(c => char.IsAsciiLetter(c)));

    public void Obey(string line)
    {
        var words = line.Split((char[]?)null, 2, StringSplitOptions.TrimEntries);
        var name = words[0] switch
        {
            "/" or "/?" => "/help",
            "/exit" or "/bye" or "/q" => "/quit",
            var other => other.ToLowerInvariant(),
        };
        var command = _all.Find(c => c.Name == name);
        if (command.Do is null)
            _talk.Tell(UsageError.Closest(name, _all.Select(c => c.Name)) is { } near
                ? $"There is no {name}. Did you mean {near}? /help shows all."
                : $"There is no {name}. /help shows all.");
        else
            command.Do(words.Length > 1 ? words[1] : "");
    }

    /// <summary>What may stand in place of the last word of a line.</summary>
    public IReadOnlyList<string> Complete(string text)
    {
        if (!text.StartsWith('/'))
            return [];
        var word = text[(text.LastIndexOf(' ') + 1)..];
        var choices = text.Split(' ') switch
        {
            [_] => _all.Select(c => c.Name),
            ["/model", _] => Models.Known(),
            ["/set", _] => ChatSetting.Names,
            ["/tools", _] => ["on", "off"],
            _ => [],
        };
        return [.. choices.Where(choice => choice.StartsWith(word, StringComparison.Ordinal))];
    }

    private void Help()
    {
        var width = _all.Max(c => c.Name.Length + 1 + c.Argument.Length);
        foreach (var (name, argument, help, _) in _all)
            Entry.Write(_talk.Console, $"{name} {argument}".TrimEnd(), help, width);
        _talk.Console.WriteLine();
        (string Keys, string What)[] keys =
        [
            ("Enter", "sends; a \\ at the end, Alt-Enter or Ctrl-J begins a new line"),
            ("\"\"\"", "before and after a text lets it have many lines"),
            ("Up, Ctrl-R", "bring back what was typed before"),
            ("Tab", "completes commands"),
            ("Ctrl-C", "stops the answer; Ctrl-D ends"),
        ];
        foreach (var (key, what) in keys)
            Entry.Write(_talk.Console, key, what, width);
    }

    private void New()
    {
        _talk.Leave();
        _talk.Tell("A new conversation.");
    }

    private void Retry()
    {
        var (question, answer) = Last();
        if (answer is not null)
            _talk.Return(answer);
        _talk.AnswerTo(question);
    }

    private void List(string search)
    {
        var found = _talk.Conversations.List(search, Listed);
        foreach (var (conversation, i) in found.Select((c, i) => (c, i)))
            Entry.Write(_talk.Console, (i + 1).ToString(CultureInfo.InvariantCulture),
                $"{Terminal.Clean(conversation.Title)}  {Age(conversation.Changed)}", 3,
                conversation.Id == _talk.Current?.Id ? Glyphs.Accent : Style.Plain);
        if (found.Count == 0)
            _talk.Tell(search.Length > 0 ? $"No conversation holds \"{search}\"." : "There is no conversation yet.");
        else
            _talk.Tell("/load N goes on with one.");
    }

    private void Load(string which)
    {
        if (which.Length == 0)
        {
            List("");
            return;
        }

        var isNumber = int.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        var found = _talk.Conversations.List(isNumber ? "" : which, isNumber ? Math.Clamp(number, 1, 10_000) : 1);
        if (found.Count == 0 || (isNumber && (number < 1 || found.Count < number)))
            throw new UserException($"There is no conversation {(isNumber ? which : $"with \"{which}\"")}. " +
                "/list shows what there is.");
        _talk.Enter(found[^1]);
    }

    private void Title(string title)
    {
        _talk.Conversations.Rename(Current().Id, Given(title, "/title TEXT"));
        _talk.Tell($"This conversation is \"{title}\" now.");
    }

    private void Save(string path)
    {
        path = Given(path, "/save FILE");
        if (path.StartsWith("~/", StringComparison.Ordinal))
            path = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..]);
        if (File.Exists(path))
            throw new UserException($"{path}: exists already. Choose another name.");
        var text = Transcript.ToMarkdown(_talk.Conversations.Find(Current().Id)?.Title ?? "Conversation",
            _talk.Conversations.Branch(_talk.Leaf));
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        _talk.Tell($"Written to {Path.GetFullPath(path)}.");
    }

    // OSC 52: the terminal itself puts it into the clipboard, also from another machine.
    private void Copy()
    {
        var text = LastAnswer().Text.Trim();
        _talk.Console.Profile.Out.Writer.Write(
            $"\e]52;c;{Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}\a");
        _talk.Tell($"Handed {text.Length:N0} characters to the terminal's clipboard; some terminals do not allow it.");
    }

    private void Tokens()
    {
        var scores = _talk.Conversations.Scores(LastAnswer().Id)
            ?? throw new UserException("Nothing is known of the tokens of that answer.");
        // Each token in the colour of its share, from sure to a guess.
        var text = new Paragraph();
        foreach (var token in scores)
            text.Append(Terminal.Clean(token.Text), new Style(token.Share switch
            {
                > 0.9f => Color.Green,
                > 0.5f => Color.GreenYellow,
                > 0.2f => Color.Yellow,
                > 0.05f => Color.Orange1,
                _ => Color.Red,
            }));
        _talk.Console.Write(text);
        _talk.Console.WriteLine();
        _talk.Tell("sure: green, over 90 %; yellow-green 50; yellow 20; orange 5; red less. The least sure:");
        foreach (var token in scores.OrderBy(token => token.Share).Take(5))
            Entry.Write(_talk.Console, Told(token.Text, token.Share), "rather than " + string.Join(", ", token.Best
                .Where(best => best.Text != token.Text).Take(4).Select(best => Told(best.Text, best.Share))), 22);

        static string Told(string text, float share) => $"{Quoted(text)} {100 * share:0.#} %";
    }

    private void Model(string name)
    {
        if (name.Length == 0)
        {
            foreach (var known in Models.Known())
                _talk.Tell((known == _talk.Model.Name ? "* " : "  ") + known);
            _talk.Tell("/model NAME takes another one; a path will do too.");
            return;
        }

        _talk.Load(name);
        _talk.Tell($"You talk with {_talk.Model.Name} now" +
            (_talk.Model.IsChat ? "." : ": a base model, which continues what you write."));
    }

    private void Instruct(string text)
    {
        if (text.Length > 0)
            Change(_talk.Settings with { System = text == "-" ? null : text });
        _talk.Tell(_talk.Settings.System is { } system ? $"The model is told: {system}"
            : "The model is told nothing first.");
    }

    private void Set(string words)
    {
        if (words.Length == 0)
        {
            foreach (var setting in ChatSetting.All)
                Entry.Write(_talk.Console, setting.Name, setting.Shown(_talk.Settings, _talk.Sampling), 16);
            return;
        }

        var parts = words.Split((char[])[' ', '='], 2,
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var found = ChatSetting.Of(parts[0]) ?? throw new UserException($"There is no setting '{parts[0]}'. " +
            (UsageError.Closest(parts[0], ChatSetting.Names) is { } near ? $"Did you mean {near}? " : "") +
            $"There are: {string.Join(", ", ChatSetting.Names)}.");
        if (parts.Length > 1)
            Change(found.Changed(_talk.Settings, parts[1]));
        _talk.Tell($"{found.Name} is {found.Shown(_talk.Settings, _talk.Sampling)}.");
    }

    private void Tools(string state)
    {
        if (state.Length > 0)
            Change(_talk.Settings with
            {
                Tools = state switch
                {
                    "on" => null,
                    "off" => false,
                    _ => throw new UserException($"/tools is 'on' or 'off', not '{state}'."),
                },
            });
        _talk.Tell(_talk.Settings.Tools == false ? "The model has no calculator and sees no files."
            : "The model may use the calculator" + (_talk.Mounts.All is not { Count: > 0 } all
                ? "; /mount DIR lets it see files."
                : IsSmall ? $" and sees no files: {Small}" : $" and see {string.Join(", ", all.Select(g => g.At))}."));
    }

    private void Mount(string words)
    {
        var canWrite = words.Split(' ')[0] is "-w" or "--write";
        var rest = canWrite ? words[words.Split(' ')[0].Length..].Trim() : words;
        if (rest.Length == 0)
        {
            foreach (var grant in _talk.Mounts.All)
                _talk.Tell($"{grant.At}  {grant.Folder}, {(grant.CanWrite ? "may be written" : "read-only")}");
            _talk.Tell(canWrite || _talk.Mounts.All.Count == 0 ? "/mount DIR gives models a folder to read."
                : "/umount /PATH takes one away.");
            return;
        }

        // A folder's name may hold spaces, its place in the tree comes last.
        var place = rest.LastIndexOf(" /", StringComparison.Ordinal);
        var given = place < 0 || Directory.Exists(rest) ? _talk.Mounts.Add(rest, null, canWrite)
            : _talk.Mounts.Add(rest[..place].Trim(), rest[(place + 1)..], canWrite);
        _talk.ReloadMounts();
        _talk.Tell($"Models see {given.Folder} as {given.At} now" +
            (canWrite ? ", and ask before they write there." : ", and cannot change it.") +
            (IsSmall ? $" Not this one: {Small}" : ""));
    }

    private bool IsSmall => _talk.Model.Client.Context < Toolbox.LeastContext;

    private string Small => $"its context of {_talk.Model.Client.Context} tokens is too small; files need " +
        $"{Toolbox.LeastContext}.";

    private void Unmount(string at)
    {
        _talk.Mounts.Remove(Given(at, "/umount /PATH"));
        _talk.ReloadMounts();
        _talk.Tell($"Models no longer see {at}.");
    }

    private void Change(ChatSettings settings)
    {
        _talk.Settings = settings;
        if (_talk.Current is { } current)
            _talk.Conversations.Configure(current.Id, settings);
    }

    private Conversation Current() => _talk.Current ?? throw new UserException("Nothing has been said yet.");

    private (Message Question, Message? Answer) Last() =>
        _talk.Last() ?? throw new UserException("Nothing has been said yet.");

    private Message LastAnswer() => Last().Answer ?? throw new UserException("There is no answer yet.");

    private static string Given(string argument, string usage) =>
        argument.Length > 0 ? argument : throw new UserException($"Say it like this: {usage}");

    private static string Quoted(string token) =>
        $"\"{Terminal.Clean(token.Replace("\n", "\\n", StringComparison.Ordinal))}\"";

    private static string Age(DateTimeOffset time) => (DateTimeOffset.UtcNow - time) switch
    {
        { TotalMinutes: < 1 } => "just now",
        { TotalHours: < 1 } age => $"{age.Minutes} min ago",
        { TotalDays: < 1 } age => $"{age.Hours} h ago",
        _ => time.ToLocalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };
}
