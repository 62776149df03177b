namespace Wisp.Model;

/// <summary>
/// Which token begins a text, which ends it and so on, gathered from the files of a folder in the order of their
/// weight: tokenizer_config.json, special_tokens_map.json, then ids of generation_config.json and config.json.
/// </summary>
internal sealed class SpecialIds(
    JsonPart file, JsonPart config, TokenizerJsonSides sides, IReadOnlyDictionary<string, int> ids,
    IReadOnlyList<string> tokens)
{
    // The key of a GGUF file, with its slip of the pen, and the name in the other files.
    private static readonly (string Key, string Name)[] s_names =
    [
        ("bos_token_id", "bos_token"), ("eos_token_id", "eos_token"), ("unknown_token_id", "unk_token"),
        ("seperator_token_id", "sep_token"), ("padding_token_id", "pad_token"), ("cls_token_id", "cls_token"),
        ("mask_token_id", "mask_token"),
    ];

    public void Read(Dictionary<string, uint> numbers, Dictionary<string, bool> switches)
    {
        foreach (var (key, name) in s_names)
            if (Find(name) is >= 0 and var id)
                numbers[key] = (uint)id;

        // Of more than one token that ends a turn, llama.cpp knows most by their spelling; a GGUF file has room for
        // one.
        if (sides.Generation["eos_token_id"] is { IsArray: true } ends)
            foreach (var end in ends.Items())
                if (end.IsNumber && tokens.ElementAtOrDefault(end.Int(int.MinValue)) is { } spelling
                    && end.Int() != numbers.GetValueOrDefault("eos_token_id", uint.MaxValue)
                    && !TokenRoles.IsEnd(spelling))
                    numbers.TryAdd("eot_token_id", (uint)end.Int());

        var (addBos, addEos) = Template();
        addBos = config.Bool("add_bos_token", addBos) && numbers.ContainsKey("bos_token_id");
        addEos = config.Bool("add_eos_token", addEos) && numbers.ContainsKey("eos_token_id");
        switches["add_bos_token"] = addBos;
        switches["add_eos_token"] = addEos;
    }

    private int Find(string name)
    {
        foreach (var place in new[] { config[name], sides.SpecialTokens[name] })
        {
            var text = place.IsObject ? place["content"] : place;
            if (text.IsString && ids.TryGetValue(text.Text(), out var id))
                return id;
        }

        foreach (var place in new[] { sides.Generation[name + "_id"], sides.Model[name + "_id"] })
        {
            // More than one token may end a text; the first is the one that is written.
            var number = place.IsArray ? place.Items().FirstOrDefault() : place;
            if (number.IsNumber && number.Int(int.MinValue) is >= 0 and var id && id < tokens.Count)
                return id;
        }

        return -1;
    }

    // What a text is put between: special tokens before and after the sequence A.
    private (bool First, bool Last) Template()
    {
        var (first, last) = (false, false);
        foreach (var step in TokenizerSteps.Of(file["post_processor"], "processors"))
        {
            if (step.Type is "BertProcessing" or "RobertaProcessing")
                (first, last) = (true, true);
            if (step.Type != "TemplateProcessing" || !step["single"].IsArray)
                continue;
            JsonPart[] parts = [.. step["single"].Items()];
            first |= parts.Length > 0 && parts[0]["SpecialToken"].Exists;
            last |= parts.Length > 0 && parts[^1]["SpecialToken"].Exists;
        }

        return (first, last);
    }
}
