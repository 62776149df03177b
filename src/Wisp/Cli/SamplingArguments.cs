using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary>
/// The options that say how tokens are picked, shared by all commands that write text, under llama.cpp's names. The few
/// that matter stand in the help; --help-sampling shows all.
/// </summary>
internal sealed partial class SamplingArguments
{
    private static readonly Sampling s_default = new();

    private readonly Option<float> _temperature = Number(
        "--temperature", "0 picks the likeliest token; higher is wilder", "T", s_default.Temperature, "-t", "--temp");

    private readonly Option<int> _topK = Whole("--top-k", "Only the K likeliest tokens; 0 means all", "K",
        s_default.TopK);

    private readonly Option<float> _topP = Number(
        "--top-p", "Only the likeliest tokens that hold this share together", "P", s_default.TopP);

    private readonly Option<float> _minP = Number(
        "--min-p", "Only tokens at least this likely, relative to the likeliest", "P", s_default.MinP);

    private readonly Option<float> _repeat = Number(
        "--repeat-penalty", "Above 1, tokens of late become less likely", "X", s_default.RepeatPenalty);

    private readonly Option<ulong?> _seed = new("--seed", "-s")
    {
        Description = "The same seed writes the same text; random without it", HelpName = "N",
    };

    private readonly Option<int> _repeatWindow = Whole(
        "--repeat-last-n", "Tokens the penalties look back at; 0 is off, -1 all", "N", s_default.PenaltyWindow);

    private readonly Option<float> _presence = Number(
        "--presence-penalty", "Taken from the logit of a token that occurred", "X", s_default.PresencePenalty);

    private readonly Option<float> _frequency = Number(
        "--frequency-penalty", "Taken from it for each time it occurred", "X", s_default.FrequencyPenalty);

    private readonly Option<float> _dryMultiplier = Number(
        "--dry-multiplier", "Penalty on repeating whole phrases (DRY); 0 is off, 0.8 usual", "X",
        s_default.DryMultiplier);

    private readonly Option<float> _dryBase = Number(
        "--dry-base", "How fast it grows with the length of the phrase", "X", s_default.DryBase);

    private readonly Option<int> _dryAllowed = Whole(
        "--dry-allowed-length", "Tokens of repetition from which it grows", "N", s_default.DryAllowedLength);

    private readonly Option<int> _dryWindow = Whole(
        "--dry-penalty-last-n", "Tokens DRY looks back at; 0 is off, -1 all", "N", -1);

    private readonly Option<string[]> _dryBreakers = new("--dry-sequence-breaker")
    {
        Description = "Text that ends a repetition, in place of newline, colon, quote and star; may be given again; " +
            "'none' for none",
        HelpName = "TEXT",
    };

    private readonly Option<float> _typical = Number(
        "--typical", "Only tokens of about the expected surprise, of this share together; 1 is off", "P",
        s_default.TypicalP);

    private readonly Option<float> _topNSigma = Number(
        "--top-n-sigma", "Only logits within N deviations of the largest; 0 is off", "N", s_default.TopNSigma);

    private readonly Option<float> _xtcProbability = Number(
        "--xtc-probability", "How often the obvious tokens are left out (XTC); 0 is off", "P",
        s_default.XtcProbability);

    private readonly Option<float> _xtcThreshold = Number(
        "--xtc-threshold", "From which probability on a token is obvious", "P", s_default.XtcThreshold);

    private readonly Option<float> _dynamicRange = Number(
        "--dynatemp-range", "How far the temperature follows the entropy; 0 is off", "T", s_default.DynamicRange);

    private readonly Option<float> _dynamicExponent = Number(
        "--dynatemp-exp", "Above 1 it rises late, under 1 early", "X", s_default.DynamicExponent);

    private readonly Option<int> _minKeep = Whole(
        "--min-keep", "Tokens that typical, top-p, min-p and XTC leave at least", "N", s_default.MinKeep);

    private readonly Option<int> _mirostat = Whole(
        "--mirostat", "Hold the surprise of the text steady: 0 off, 1 or 2; only temperature and bias act beside it",
        "V", s_default.Mirostat);

    private readonly Option<float> _mirostatEta = Number(
        "--mirostat-lr", "How fast it learns", "X", s_default.MirostatEta);

    private readonly Option<float> _mirostatTau = Number(
        "--mirostat-ent", "The surprise it aims at, in bits a token", "X", s_default.MirostatTau);

    private readonly Option<string?> _order = new("--samplers")
    {
        Description = $"The steps and their order [default: {SamplerOrder.Describe(SamplerOrder.Default)}]",
        HelpName = "A;B;...",
    };

    private readonly Option<string[]> _bias = new("--logit-bias")
    {
        Description = "Add to the logit of a token: 15043+1, 15043-1, 15043-inf to forbid it; may be given again",
        HelpName = "ID+X",
    };

    // What the engine calls an option and what a person does.
    private readonly (string Property, Option Option)[] _names;

    public SamplingArguments(Verb command)
    {
        command.Add("Choice of tokens", _temperature, _topK, _topP, _minP, _repeat, _seed);
        command.AddRare("Against repetition", _repeatWindow, _presence, _frequency, _dryMultiplier, _dryBase,
            _dryAllowed, _dryWindow, _dryBreakers);
        command.AddRare("Other choices of tokens", _typical, _topNSigma, _xtcProbability, _xtcThreshold, _dynamicRange,
            _dynamicExponent, _mirostat, _mirostatEta, _mirostatTau, _minKeep, _order, _bias);
        command.Add("Choice of tokens", FullHelp.Option("--help-sampling", "All options of choosing", command));
        _names =
        [
            (nameof(Sampling.Temperature), _temperature), (nameof(Sampling.TopK), _topK),
            (nameof(Sampling.TopP), _topP), (nameof(Sampling.MinP), _minP),
            (nameof(Sampling.RepeatPenalty), _repeat), (nameof(Sampling.PenaltyWindow), _repeatWindow),
            (nameof(Sampling.PresencePenalty), _presence), (nameof(Sampling.FrequencyPenalty), _frequency),
            (nameof(Sampling.DryMultiplier), _dryMultiplier), (nameof(Sampling.DryBase), _dryBase),
            (nameof(Sampling.DryAllowedLength), _dryAllowed), (nameof(Sampling.DryWindow), _dryWindow),
            (nameof(Sampling.TypicalP), _typical), (nameof(Sampling.TopNSigma), _topNSigma),
            (nameof(Sampling.XtcProbability), _xtcProbability), (nameof(Sampling.XtcThreshold), _xtcThreshold),
            (nameof(Sampling.DynamicRange), _dynamicRange), (nameof(Sampling.DynamicExponent), _dynamicExponent),
            (nameof(Sampling.MinKeep), _minKeep), (nameof(Sampling.Mirostat), _mirostat),
            (nameof(Sampling.MirostatEta), _mirostatEta), (nameof(Sampling.MirostatTau), _mirostatTau),
            (nameof(Sampling.LogitBias), _bias),
        ];
    }

    /// <exception cref="UserException">A value is outside its range; the message names the option.</exception>
    public Sampling Read(ParseResult parse)
    {
        var sampling = new Sampling
        {
            Temperature = parse.GetValue(_temperature), TopK = parse.GetValue(_topK), TopP = parse.GetValue(_topP),
            MinP = parse.GetValue(_minP), RepeatPenalty = parse.GetValue(_repeat),
            PenaltyWindow = Window(parse.GetValue(_repeatWindow)), PresencePenalty = parse.GetValue(_presence),
            FrequencyPenalty = parse.GetValue(_frequency), DryMultiplier = parse.GetValue(_dryMultiplier),
            DryBase = parse.GetValue(_dryBase), DryAllowedLength = parse.GetValue(_dryAllowed),
            DryWindow = Window(parse.GetValue(_dryWindow)), DryBreakers = Breakers(parse),
            TypicalP = parse.GetValue(_typical), TopNSigma = parse.GetValue(_topNSigma),
            XtcProbability = parse.GetValue(_xtcProbability), XtcThreshold = parse.GetValue(_xtcThreshold),
            DynamicRange = parse.GetValue(_dynamicRange), DynamicExponent = parse.GetValue(_dynamicExponent),
            MinKeep = parse.GetValue(_minKeep), Mirostat = parse.GetValue(_mirostat),
            MirostatEta = parse.GetValue(_mirostatEta), MirostatTau = parse.GetValue(_mirostatTau),
            Order = Order(parse), LogitBias = Biases(parse.GetValue(_bias) ?? []),
        };
        try
        {
            sampling.Check();
        }
        catch (ArgumentOutOfRangeException e) when (e.ParamName is { } property)
        {
            // A person knows --top-k, not TopK.
            var option = _names.First(name => name.Property == property).Option.Name;
            throw new UserException(
                e.Message.Split(" (Parameter")[0].Replace(property, option, StringComparison.Ordinal), e);
        }

        return sampling;
    }

    public ulong? GivenSeed(ParseResult parse) => parse.GetValue(_seed);

    /// <summary>The seed that was given, or a random one short enough to type again.</summary>
    public ulong Seed(ParseResult parse) => GivenSeed(parse) ?? (ulong)RandomNumberGenerator.GetInt32(1, 1_000_000_000);

    private static int Window(int tokens) => tokens == -1 ? int.MaxValue : tokens;

    private IReadOnlyList<string> Breakers(ParseResult parse) => parse.GetValue(_dryBreakers) switch
    {
        null or [] => Sampling.DefaultBreakers,
        var given => [.. given.Where(text => text != "none").Select(Unescaped)],
    };

    /// <summary>A shell passes \n as two characters; \t and \\ are the other two that have a meaning.</summary>
    internal static string Unescaped(string text) => Escape().Replace(text, escape => escape.Value[1] switch
    {
        'n' => "\n",
        't' => "\t",
        _ => "\\",
    });

    [GeneratedRegex(@"\\[nt\\]")]
    private static partial Regex Escape();

    private IReadOnlyList<SamplerStep> Order(ParseResult parse)
    {
        try
        {
            return parse.GetValue(_order) is { } names ? SamplerOrder.Parse(names) : SamplerOrder.Default;
        }
        catch (FormatException e)
        {
            throw new UserException($"--samplers: {e.Message}", e);
        }
    }

    private static Dictionary<int, float> Biases(IEnumerable<string> given)
    {
        var biases = new Dictionary<int, float>();
        foreach (var text in given)
        {
            var sign = text.IndexOfAny(['+', '-']);
            var bias = sign > 0 && text[sign..] == "-inf" ? float.NegativeInfinity
                : sign > 0 && float.TryParse(text[sign..], CultureInfo.InvariantCulture, out var x) ? x : float.NaN;
            if (float.IsNaN(bias) || !int.TryParse(text[..sign], NumberStyles.None, CultureInfo.InvariantCulture,
                out var id))
                throw new UserException(
                    $"--logit-bias '{text}' is not a token and a number, such as 15043+1.5, 15043-1 or 15043-inf.");
            biases[id] = biases.GetValueOrDefault(id) + bias;
        }

        return biases;
    }

    private static Option<float> Number(
        string name, string description, string value, float fallback, params string[] aliases) => new(name, aliases)
        {
            Description = description, HelpName = value, DefaultValueFactory = _ => fallback,
        };

    private static Option<int> Whole(string name, string description, string value, int fallback) => new(name)
    {
        Description = description, HelpName = value, DefaultValueFactory = _ => fallback,
    };
}
