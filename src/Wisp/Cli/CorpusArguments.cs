using System.CommandLine;
using Wisp.Train.Data;

namespace Wisp.Cli;

/// <summary>The options that say what text to read and how to clean it, shared by the commands that train.</summary>
internal sealed class CorpusArguments
{
    private readonly Option<string[]> _data = new("--data", "-d")
    {
        Description = $"Files or folders of text: {CorpusFiles.Kinds}",
        AllowMultipleArgumentsPerToken = true, HelpName = "PATH",
    };

    private readonly Option<string> _field = new("--field")
    {
        Description = "The JSON field that holds the text of a .jsonl line",
        DefaultValueFactory = _ => "text", HelpName = "NAME",
    };

    private readonly Option<string> _licence = new("--licence")
    {
        Description = "Licence of the text, noted in the manifest", DefaultValueFactory = _ => "", HelpName = "TEXT",
    };

    private readonly Option<string> _clean = new("--clean")
    {
        Description = "none, or books: unwrap lines, drop what publishers and transcribers added, " +
            "filter slurs, cut at chapters",
        DefaultValueFactory = _ => "none", HelpName = "KIND",
    };

    private readonly Option<string> _invalid = new("--invalid-utf8")
    {
        Description = "What to do with text that is not UTF-8: refuse, replace or skip",
        DefaultValueFactory = _ => "refuse", HelpName = "HOW",
    };

    private readonly Option<double> _heldOut = new("--held-out")
    {
        Description = "Share of the text kept for evaluation", DefaultValueFactory = _ => 0.01, HelpName = "SHARE",
    };

    private readonly Option<double> _duplicates = new("--near-duplicates")
    {
        Description = "Likeness from which a document counts as a repetition, 0 to 1; 0 keeps all",
        DefaultValueFactory = _ => 0.8, HelpName = "LIKENESS",
    };

    public CorpusArguments(Verb command)
    {
        _clean.AcceptOnlyFromAmong("none", "books");
        _invalid.AcceptOnlyFromAmong("refuse", "replace", "skip");
        command.Add("Text", _data, _clean, _field, _licence, _invalid, _heldOut, _duplicates);
    }

    public PipelineOptions Read(ParseResult parse) => new()
    {
        Inputs = parse.GetValue(_data) is { Length: > 0 } inputs && !inputs.Contains("")
            ? inputs
            : throw new UserException("There is no text to read: name files or folders with --data PATH."),
        Corpus = new CorpusOptions
        {
            TextField = parse.GetRequiredValue(_field),
            Licence = parse.GetRequiredValue(_licence),
            OnInvalidUtf8 = Enum.Parse<OnInvalidUtf8>(parse.GetRequiredValue(_invalid), ignoreCase: true),
        },
        Cleaning = parse.GetRequiredValue(_clean) == "books" ? CleaningOptions.Books : CleaningOptions.Plain,
        Split = new SplitOptions { Fraction = Share(parse, _heldOut, 0.5) },
        DuplicateThreshold = Share(parse, _duplicates, 1),
    };

    private static double Share(ParseResult parse, Option<double> option, double most)
    {
        var share = parse.GetValue(option);
        return share >= 0 && share <= most
            ? share
            : throw new UserException($"{option.Name} is {share}; the range is 0 to {most}.");
    }
}
