using System.CommandLine;
using Wisp.Labels;
using Wisp.Train.Align.Labels;

namespace Wisp.Cli;

/// <summary>The options of <c>wisp label</c>.</summary>
internal sealed class LabelArguments
{
    private const int MaxName = 64;

    private readonly Option<string> _model = Cli.Models.Option();

    private readonly Option<string?> _versus = new("--versus")
    {
        Description = "Compare with the answers of a second model, blind: one answer of each", HelpName = "MODEL",
    };

    private readonly Option<string[]> _prompts = new("--prompts")
    {
        Description = "What is answered: .txt, a prompt a line, or .jsonl with a 'prompt', messages or instructions",
        HelpName = "FILE", AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _candidates = new("--candidates")
    {
        Description = "Answers that are there already: .jsonl with a 'prompt' and 'candidates'; no model is run",
        HelpName = "FILE",
    };

    private readonly Option<int?> _count = new("--count", "-k")
    {
        Description = $"Answers to a prompt, 2 to {Comparison.MostCandidates} [default: 2]", HelpName = "N",
    };

    private readonly Option<int> _tokens = new("--tokens", "-n")
    {
        Description = "Tokens of an answer at most", DefaultValueFactory = _ => 256, HelpName = "N",
    };

    private readonly Option<string> _out = new("--out", "-o")
    {
        Description = "The file that judgments are added to", DefaultValueFactory = _ => "labels.jsonl",
        HelpName = "FILE",
    };

    private readonly Option<string> _labeller = new("--labeller")
    {
        Description = "Who compares", DefaultValueFactory = _ => Environment.UserName, HelpName = "NAME",
    };

    private readonly Option<double> _repeat = new("--repeat")
    {
        Description = "Share of the comparisons that come again, sides swapped", DefaultValueFactory = _ => 0.1,
        HelpName = "SHARE",
    };

    private readonly Option<int> _port = new("--port")
    {
        Description = "Port on this machine; 0 takes a free one", HelpName = "N",
    };

    private readonly Option<bool> _open = new("--open") { Description = "Open the page in a browser" };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "Threads; 0 means all cores", HelpName = "N",
    };

    private readonly SamplingArguments _sampling;

    public LabelArguments(Verb command)
    {
        command.Add("What is compared", _model, _versus, _prompts, _candidates, _count, _tokens, _threads);
        command.Add("Who compares, and where", _labeller, _out, _repeat, _port, _open);
        _sampling = new SamplingArguments(command);
    }

    /// <summary>Where judgments go.</summary>
    public string File(ParseResult parse) => parse.GetValue(_out) is { Length: > 0 } path ? path
        : throw new UserException("The name of the file is empty. Name one: --out labels.jsonl");

    public bool Opens(ParseResult parse) => parse.GetValue(_open);

    public int Port(ParseResult parse) => parse.GetValue(_port) is >= 0 and <= 65535 and var port ? port
        : throw new UserException($"--port is {parse.GetValue(_port)}; the range is 0 to 65535.");

    /// <summary>Null where candidates are to be sampled.</summary>
    public string? Candidates(ParseResult parse)
    {
        if (parse.GetValue(_candidates) is not { } file)
            return null;
        foreach (var option in (Option[])[_model, _versus, _prompts, _count, _tokens])
            if (parse.GetResult(option) is { Implicit: false })
                throw new UserException(
                    $"{option.Name} cannot be given with --candidates, whose answers are there already.");
        return file;
    }

    public IReadOnlyList<string> Prompts(ParseResult parse) => parse.GetValue(_prompts) is { Length: > 0 } files ? files
        : throw new UserException("Name the prompts: --prompts FILE (or answers that are there: --candidates FILE).");

    /// <summary>How many candidates, and who makes them in equal shares.</summary>
    public (int Count, string[] Models) Models(ParseResult parse)
    {
        var count = parse.GetValue(_count) ?? 2;
        if (count is < 2 or > Comparison.MostCandidates)
            throw new UserException($"--count is {count}; the range is 2 to {Comparison.MostCandidates}.");
        // A name that is looked up: comparing wants answers, and the default model of a text only goes on with it.
        var model = parse.GetValue(_model) ?? "wisp-chat";
        if (parse.GetValue(_versus) is not { } other)
            return (count, [model]);
        // More of each would be several verdicts on one prompt, and its interval would claim too much.
        return count == 2 ? (2, [model, other])
            : throw new UserException($"--count is {count}; with --versus each of the two models gives one answer.");
    }

    public LabelSampling Sampling(ParseResult parse) => new(
        _sampling.Read(parse),
        parse.GetValue(_tokens) is > 0 and var tokens ? tokens
            : throw new UserException($"--tokens is {parse.GetValue(_tokens)}; it must be above 0."),
        Threads.Count(parse.GetValue(_threads)));

    public DeskOptions Desk(ParseResult parse)
    {
        var name = parse.GetValue(_labeller)?.Trim() ?? "";
        if (name.Length is 0 or > MaxName || name.Any(char.IsControl))
            throw new UserException($"--labeller takes a name of 1 to {MaxName} characters.");
        // Not a random one: who comes back gets the answers that they left, and two labellers the same ones.
        return new DeskOptions(
            name, parse.GetValue<ulong?>("--seed") ?? 1,
            parse.GetValue(_repeat) is >= 0 and <= 1 and var share ? share
                : throw new UserException($"--repeat is {parse.GetValue(_repeat)}; the range is 0 to 1."));
    }
}
