namespace Wisp.Model;

/// <summary>The parts of a tokenizer.json that may be one step or a sequence of them.</summary>
internal static class TokenizerSteps
{
    // Sequences in sequences are rare, and deep ones no tokenizer.
    private const int MaxDepth = 4;

    /// <summary>All steps in order, sequences taken apart.</summary>
    /// <param name="inner">How a sequence calls its list.</param>
    public static IEnumerable<JsonPart> Of(JsonPart part, string inner, int depth = 0)
    {
        if (!part.Exists)
            yield break;
        if (part.Type != "Sequence")
        {
            yield return part;
            yield break;
        }

        if (depth == MaxDepth)
            throw part.Refusal("holds sequences in sequences, too deep.");
        foreach (var item in part[inner].Items())
            foreach (var step in Of(item, inner, depth + 1))
                yield return step;
    }

    /// <summary>The steps of a byte-level split as <see cref="SplitForms"/> names them.</summary>
    public static List<string> Splits(JsonPart preTokenizer)
    {
        var steps = new List<string>();
        foreach (var step in Of(preTokenizer, "pretokenizers"))
        {
            switch (step.Type)
            {
                case "ByteLevel":
                    if (step.Bool("add_prefix_space", false))
                        throw step.Refusal("ByteLevel with add_prefix_space is not supported.");
                    if (step.Bool("use_regex", true))
                        steps.Add(SplitForms.Gpt2);
                    break;
                case "Digits":
                    steps.Add(step.Bool("individual_digits", false) ? SplitForms.Digits : SplitForms.Numbers);
                    break;
                case "Punctuation" when step["behavior"] is { IsString: true } at && at.Text() == "Contiguous":
                    steps.Add(SplitForms.Punctuation);
                    break;
                case "Split":
                    steps.Add(Expression(step));
                    break;
                default:
                    throw step.Refusal($"the pre_tokenizer {step.Raw} is not supported for byte-level BPE.");
            }
        }

        return steps;
    }

    /// <summary>Whether a Metaspace step puts a blank before a text.</summary>
    public static bool Prepends(JsonPart metaspace) => metaspace["prepend_scheme"] is { Exists: true } scheme
        ? scheme.Text() != "never" : metaspace.Bool("add_prefix_space", true);

    private static string Expression(JsonPart split)
    {
        var expression = split["pattern"]["Regex"];
        var inverted = split.Bool("invert", false);
        // Isolated keeps matches and gaps; removing what does not match keeps all where everything matches.
        var kept = split["behavior"].Text() == (inverted ? "Removed" : "Isolated");
        return expression.Exists && kept ? expression.Text()
            : throw split.Refusal($"the split {split.Raw} is not supported; one that isolates a Regex is.");
    }
}
