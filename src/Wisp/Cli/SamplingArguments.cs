using System.CommandLine;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary>The options that say how tokens are picked, shared by all commands that write text.</summary>
internal sealed partial class SamplingArguments
{
    private static readonly Sampling s_default = new();

    private readonly Option<float> _temperature = new("--temperature", "-t")
    {
        Description = "0 picks the likeliest token; higher is wilder",
        DefaultValueFactory = _ => s_default.Temperature, HelpName = "T",
    };

    private readonly Option<int> _topK = new("--top-k")
    {
        Description = "Only the K likeliest tokens; 0 means all",
        DefaultValueFactory = _ => s_default.TopK, HelpName = "K",
    };

    private readonly Option<float> _topP = new("--top-p")
    {
        Description = "Only the likeliest tokens that hold this share together",
        DefaultValueFactory = _ => s_default.TopP, HelpName = "P",
    };

    private readonly Option<float> _minP = new("--min-p")
    {
        Description = "Only tokens at least this likely, relative to the likeliest",
        DefaultValueFactory = _ => s_default.MinP, HelpName = "P",
    };

    private readonly Option<float> _repeat = new("--repeat-penalty")
    {
        Description = "Above 1, tokens of the last 64 become less likely",
        DefaultValueFactory = _ => s_default.RepeatPenalty, HelpName = "X",
    };

    private readonly Option<ulong?> _seed = new("--seed")
    {
        Description = "The same seed writes the same text; random without it", HelpName = "N",
    };

    public SamplingArguments(Verb command) =>
        command.Add("Choice of tokens", _temperature, _topK, _topP, _minP, _repeat, _seed);

    public Sampling Read(ParseResult parse)
    {
        var sampling = new Sampling
        {
            Temperature = parse.GetValue(_temperature),
            TopK = parse.GetValue(_topK),
            TopP = parse.GetValue(_topP),
            MinP = parse.GetValue(_minP),
            RepeatPenalty = parse.GetValue(_repeat),
        };
        try
        {
            sampling.Check();
        }
        catch (ArgumentOutOfRangeException e) when (e.ParamName is { } name)
        {
            // A person knows --top-k, not TopK.
            var option = "--" + Capital().Replace(name, "-$0").ToLowerInvariant();
            throw new UserException(e.Message.Split(" (Parameter")[0].Replace(name, option, StringComparison.Ordinal),
                e);
        }

        return sampling;
    }

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex Capital();

    /// <summary>The seed that was given, or a random one short enough to type again.</summary>
    public ulong Seed(ParseResult parse) => parse.GetValue(_seed) ?? (ulong)RandomNumberGenerator.GetInt32(1,
        1_000_000_000);
}
