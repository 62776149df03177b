using System.CommandLine;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary>The options of everything that writes text: with which model, how much, how chosen.</summary>
internal sealed class WritingArguments
{
    // OpenAI's limit is 20; more is no longer a list that a person reads.
    private const int MaxAlternatives = 100;

    // Models of long contexts would take memory for keys and values that few texts need.
    private const int MostByDefault = 8192;

    private readonly Option<string> _model = Models.Option();

    private readonly Option<int> _tokens;

    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "Text that ends the writing and is not shown; may be given again", HelpName = "TEXT",
    };

    private readonly Option<int> _context = new("--context", "-c")
    {
        Description = $"Tokens the model sees at once; 0 means all it was trained for, {MostByDefault} at most",
        HelpName = "N",
    };

    private readonly Option<int?> _logProbabilities = new("--logprobs")
    {
        Description = "Tell how likely each token was, and the N likeliest in its place", HelpName = "N",
    };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "Threads; 0 means all cores",
        HelpName = "N",
    };

    private readonly Option<bool> _quiet = new("--quiet", "-q")
    {
        Description = "Only the text: no seed, no speed",
    };

    public WritingArguments(Verb command, int tokens)
    {
        _tokens = new Option<int>("--tokens", "-n")
        {
            Description = "Tokens to write at most",
            HelpName = "N",
            DefaultValueFactory = _ => tokens,
        };
        command.Add(_tokens);
        command.Add(_model);
        command.Add(_stop);
        command.Add(_context);
        command.Add(_threads);
        command.Add(_logProbabilities);
        command.Add(_quiet);
        Sampling = new SamplingArguments(command);
        Grammar = new GrammarArguments(command);
        Loading = new LoadingArguments(command);
    }

    public SamplingArguments Sampling { get; }

    public GrammarArguments Grammar { get; }

    public LoadingArguments Loading { get; }

    public string? Model(ParseResult parse) => parse.GetValue(_model);

    public int Threads(ParseResult parse) => Cli.Threads.Count(parse.GetValue(_threads));

    public bool IsQuiet(ParseResult parse) => parse.GetValue(_quiet);

    /// <param name="trained">The most that the model can see.</param>
    public int Context(ParseResult parse, int trained) =>
        ContextOf(parse.GetValue(_context), trained, MostByDefault);

    /// <summary>The context that --context asks for.</summary>
    /// <param name="most">What 0 means for models that were trained for more.</param>
    internal static int ContextOf(int asked, int trained, int most) => asked switch
    {
        0 => Math.Min(trained, most),
        < 0 and var given => throw new UserException($"--context is {given}; it must be 0 or more."),
        var given when given > trained => throw new UserException(
            $"--context is {given:N0}, and the model was trained for {trained:N0} tokens. Take {trained:N0} or fewer."),
        var given => given,
    };

    public GenerationOptions Options(ParseResult parse)
    {
        var (tokens, alternatives) = (parse.GetValue(_tokens), parse.GetValue(_logProbabilities));
        if (tokens < 0)
            throw new UserException($"--tokens is {tokens}; it must be 0 or more.");
        if (alternatives is < 0 or > MaxAlternatives)
            throw new UserException($"--logprobs is {alternatives}; the range is 0 to {MaxAlternatives}.");
        string[] stop = [.. (parse.GetValue(_stop) ?? []).Select(SamplingArguments.Unescaped)];
        return stop.Contains("")
            ? throw new UserException("--stop is empty: the text would end before it begins. Give some text.")
            : new GenerationOptions
            {
                Tokens = tokens, Stop = stop, LogProbabilities = alternatives, End = new HashSet<int>(),
            };
    }
}
