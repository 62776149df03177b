namespace Wisp.Model;

/// <summary>
/// The splits of byte-level vocabularies as Hugging Face files state them: a list of steps, each a regular expression
/// whose matches become pieces, or one of the names below. By them a tokenizer.json and the names of llama.cpp are
/// translated into each other.
/// </summary>
internal static class SplitForms
{
    /// <summary>GPT-2's expression, which ByteLevel has built in.</summary>
    public const string Gpt2 = "ByteLevel";

    /// <summary>Every digit by itself.</summary>
    public const string Digits = "Digits";

    /// <summary>Runs of digits.</summary>
    public const string Numbers = "Numbers";

    /// <summary>Runs of punctuation.</summary>
    public const string Punctuation = "Punctuation";

    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Spaces = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Signs = @" ?[^\s\p{L}\p{N}]+[\r\n]*";
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Lead = @"[^\r\n\p{L}\p{N}]?";
    private const string ChineseAndKana = "[一-龥\u3040-ゟ゠-ヿ]+", EastAsian = "[一-龥ࠀ-一가-\ud7ff]+";
    private const string SignWords = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^" + "\r\n" +
        @"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[" + "\r\n" + "]*|" + @"\s*[" + "\r\n" + @"]+|\s+(?!\S)|\s+";
    private const string Clauses = @" ?[^(\s|[.,!?…。，、।۔،])]+";

    /// <summary>The name that a list of steps has in llama.cpp, or null.</summary>
    /// <param name="wholePieces">What model.ignore_merges says.</param>
    /// <param name="cleansSpaces">What clean_up_tokenization_spaces says.</param>
    public static string? NameOf(IReadOnlyList<string> steps, bool wholePieces, bool cleansSpaces)
    {
        var wanted = steps.Select(Plain).ToList();
        string[] names = [.. Table().Where(form => form.Steps.Select(Plain).SequenceEqual(wanted))
            .Select(form => form.Name)];
        return names.Length == 0 ? null
            : names.OrderByDescending(name => Fits(PreTokenizer.Of(name))).First();

        int Fits(PreTokenizer split) =>
            (split.IgnoreMerges == wholePieces ? 2 : 0) + (split.CleansSpaces == cleansSpaces ? 1 : 0);
    }

    /// <summary>The steps of a split, by its name in llama.cpp.</summary>
    /// <exception cref="InvalidDataException">Hugging Face has no expression for it.</exception>
    public static string[] StepsOf(string name)
    {
        var row = PreTokenizer.SameAs(name);
        return Table().FirstOrDefault(form => row.Contains(form.Name)).Steps ?? throw new InvalidDataException(
            $"The split '{name}' has no form in a tokenizer.json that is known here.");
    }

    // Spellings of one expression: possessive and greedy mean the same here, for nothing they gave back would match.
    private static string Plain(string step) => step.Replace("\r", @"\r").Replace("\n", @"\n")
        .Replace("?+", "?").Replace("++", "+").Replace("{1}", "").Replace(@"'(?i:[sdmt]|ll|ve|re)", Contraction)
        .Replace(@"\s*[\r\n]|", @"\s*[\r\n]+|");

    private static IEnumerable<(string Name, string[] Steps)> Table()
    {
        var llama3 = $@"{Contraction}|{Lead}\p{{L}}+|\p{{N}}{{1,3}}|{Signs}|{Spaces}";
        var qwen2 = llama3.Replace("{1,3}", "");
        var cased = $"{Lead}{Upper}*{Lower}+|{Lead}{Upper}+{Lower}*|" + @"\p{N}|" +
            Signs.Replace(@"[\r\n]*", @"[\r\n/]*") + "|" + Spaces;
        var gpt4o = cased.Replace($"{Lower}+|", $"{Lower}+{Contraction}?|").Replace($"{Lower}*|",
            $"{Lower}*{Contraction}?|").Replace(@"\p{N}|", @"\p{N}{1,3}|");
        yield return ("llama-bpe", [llama3]);
        yield return ("dbrx", [llama3]);
        yield return ("chatglm-bpe", [llama3]);
        yield return ("qwen2", [qwen2]);
        yield return ("stablelm2", [qwen2]);
        yield return ("bailingmoe", [qwen2]);
        yield return ("qwen35", [$@"{Contraction}|{Lead}[\p{{L}}\p{{M}}]+|\p{{N}}|" +
            @" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Spaces]);
        yield return ("seed-coder", [$@"{Contraction}|{Lead}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{Spaces}"]);
        yield return ("ufakzeka", [qwen2[(Contraction.Length + 1)..]]);
        yield return ("exaone-moe", [$@"{Contraction}|{Lead}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}|" +
            @" ?[^\s\p{L}\p{N}]+[\r\n/]?|" + Spaces]);
        yield return ("jais-2", [llama3.Replace(@"\s+(?!\S)|\s+", @"\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|" +
            @"\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s")]);
        yield return ("minicpm5", [@"\p{N}{1,3}", llama3.Replace("{1,3}", "+")]);
        yield return ("laguna", ["[^\n]+|[\n]+", qwen2]);
        yield return ("tekken", [cased]);
        yield return ("gpt-4o", [gpt4o]);
        yield return ("granite-embed-multi-97m", [gpt4o]);
        yield return ("tiny_aya", [@"\d{1,3}(?=(?:\d{3})*\b)", gpt4o]);
        yield return ("gpt-2", [Gpt2]);
        yield return ("trillion", [Gpt2]);
        yield return ("smollm", [Digits, Gpt2]);
        yield return ("starcoder", [Digits, Gpt2]);
        yield return ("falcon", [Punctuation, Gpt2, Numbers, "[0-9][0-9][0-9]"]);
        // Spelled out, for ByteLevel would turn the text into other characters before the next step.
        yield return ("default", [@"[\p{P}\$\+<=>\^~\|]+",
            @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", @"\p{N}+",
            "[0-9][0-9][0-9]"]);
        yield return ("bloom", [Clauses]);
        yield return ("poro-chat", [Clauses]);
        yield return ("viking", [Clauses, Digits]);
        yield return ("superbpe", [@"\p{N}+", @"(?=(\d{3})+(?!\d))"]);
        yield return ("deepseek-llm", ["[\r\n]", $@"\s?[{Ranges(PreTokenizer.DeepSeekLetters)}]+",
            @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", EastAsian, Numbers]);
        yield return ("deepseek-llm", ["[\r\n]", $@"\s?[{Ranges(PreTokenizer.DeepSeekLetters)}]+",
            @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", EastAsian, Digits]);
        yield return ("deepseek-coder", ["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", EastAsian, Digits]);
        yield return ("deepseek-v3", [@"\p{N}{1,3}", ChineseAndKana, SignWords]);
        yield return ("spark2_5", [@"\p{N}{1,3}", ChineseAndKana,
            SignWords.Replace("]+[\r\n]*|\\s*[\r\n]+|", "]+|[\r\n]|"), @"\p{N}"]);
        yield return ("chameleon", ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )",
            Digits, @"[\p{P}!-/:-@\[-`{-~]", Gpt2]);
        yield return ("kimi-k2", [@"[\p{Han}]+|" + gpt4o.Replace(Upper, $"{Upper[..^1]}&&[^\\p{{Han}}]]")
            .Replace(Lower, $"{Lower[..^1]}&&[^\\p{{Han}}]]").Replace(@"[\r\n/]*", @"[\r\n]*")]);
        yield return ("afmoe", [@"\d{1,3}(?=(?:\d{3})*\b)", $"[{Ranges(PreTokenizer.Scripts)}]+", SignWords]);
        yield return ("youtu", ["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + ChineseAndKana,
            gpt4o.Replace("{1,3}", "")]);
    }

    // Pairs of first and last as the inside of brackets.
    private static string Ranges(string pairs) => string.Concat(pairs.EnumerateRunes().Chunk(2)
        .Select(pair => pair[0] == pair[1] ? $"{pair[0]}" : $"{pair[0]}-{pair[1]}"));
}
