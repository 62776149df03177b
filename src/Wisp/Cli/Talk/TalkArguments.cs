using System.CommandLine;
using Wisp.Serve.Talk;

namespace Wisp.Cli.Talk;

/// <summary>The options of <c>wisp chat</c>.</summary>
internal sealed class TalkArguments
{
    // Models of long contexts would take memory for keys and values that few conversations need.
    private const int MostByDefault = 8192;

    private readonly Option<string> _model = Models.Option();

    private readonly Option<string?> _prompt = new("--prompt", "-p")
    {
        Description = "Answer this text and end; - reads standard input", HelpName = "TEXT",
    };

    private readonly Option<string?> _system = new("--system")
    {
        Description = "What the model is told before the conversation", HelpName = "TEXT",
    };

    private readonly Option<int?> _tokens = new("--tokens", "-n")
    {
        Description = "Tokens of an answer at most [default: a quarter of the context, 1024 at most]", HelpName = "N",
    };

    private readonly Option<bool> _resume = new("--continue")
    {
        Description = "Go on with the last conversation",
    };

    private readonly Option<bool> _noSave = new("--no-save")
    {
        Description = "Keep nothing of this conversation, nor what is typed",
    };

    private readonly Option<bool> _noTools = new("--no-tools")
    {
        Description = "Do not let the model use the calculator, nor see files that are mounted",
    };

    private readonly Option<int> _context = new("--context", "-c")
    {
        Description = $"Tokens the model sees at once; 0 means all it was trained for, {MostByDefault} at most",
        HelpName = "N",
    };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "Threads; 0 means all cores", HelpName = "N",
    };

    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Only answers: no speed, no greeting" };

    public TalkArguments(Verb command)
    {
        foreach (var option in new Option[]
            { _model, _prompt, _system, _tokens, _resume, _noSave, _noTools, _context, _threads, _quiet })
            command.Add(option);
        Sampling = new SamplingArguments(command);
        Loading = new LoadingArguments(command);
    }

    public SamplingArguments Sampling { get; }

    public LoadingArguments Loading { get; }

    public string? Model(ParseResult parse) => parse.GetValue(_model);

    public string? Prompt(ParseResult parse) => parse.GetValue(_prompt);

    public bool Resumes(ParseResult parse) => parse.GetValue(_resume);

    public bool Saves(ParseResult parse) => !parse.GetValue(_noSave);

    public bool IsQuiet(ParseResult parse) => parse.GetValue(_quiet);

    public int Threads(ParseResult parse) => Cli.Threads.Count(parse.GetValue(_threads));

    /// <param name="trained">The most that the model can see.</param>
    public int Context(ParseResult parse, int trained) =>
        WritingArguments.ContextOf(parse.GetValue(_context), trained, MostByDefault);

    /// <summary>What the command line says; the rest is null.</summary>
    public ChatSettings Settings(ParseResult parse)
    {
        if (parse.GetValue(_tokens) is < 1 and var tokens)
            throw new UserException($"--tokens is {tokens}; it must be 1 or more.");
        return new ChatSettings
        {
            System = parse.GetValue(_system), MaxTokens = parse.GetValue(_tokens),
            Seed = Sampling.GivenSeed(parse) is { } seed ? unchecked((long)seed) : null,
            Tools = parse.GetValue(_noTools) ? false : null,
        };
    }
}
