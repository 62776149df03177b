using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// A model as Hugging Face's transformers keeps it: config.json, weights in one or more safetensors files, tokenizer
/// files. Read as GGUF: the names, layouts and numbers are translated, the bytes stay in the maps.
/// </summary>
internal static class HuggingFaceFolder
{
    public const string ConfigName = "config.json", WeightsName = "model.safetensors",
        IndexName = "model.safetensors.index.json";

    private const string TextPrefix = "language_model."; // of a model that also sees
    private static readonly string[] s_otherParts = ["vision_tower.", "multi_modal_projector."];

    // Buffers that old versions of transformers saved with the weights, and recompute.
    private static readonly string[] s_buffers = [".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"];

    public static bool Holds(string folder) => File.Exists(Path.Combine(folder, ConfigName));

    public static Gguf Open(string folder)
    {
        var config = JsonFile.Open(Path.Combine(folder, ConfigName));
        var type = config.String("model_type")
            ?? throw new InvalidDataException($"{config.Path}: model_type is missing, so this is no model.");
        // Gemma 3 with vision: the text model is a part of it under a name of its own.
        var text = type == "gemma3" ? config.Object("text_config") : null;
        var model = HuggingFaceModel.OfType(type == "gemma3" ? "gemma3_text" : type, config.Path);

        var files = new List<Safetensors>();
        try
        {
            var stored = Stored(folder, files);
            var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
            var writer = new GgufWriter()
                .AddString("general.architecture", model.Architecture)
                .AddString("general.type", "model")
                .AddString("general.name", name);
            var (shape, constants) = HuggingFaceConfig.ToGguf(model, text ?? config, writer);
            var tied = model.AlwaysTied || (text ?? config).Bool("tie_word_embeddings") == true;
            var tensors = Tensors(folder, model, shape, stored, text is not null, tied);
            tensors.InsertRange(1, constants.Select(c =>
                ModelContainer.Tensor(c.Name, [c.Values.Length], DType.F32, ArrayRows.Of(c.Values, DType.F32))));
            writer.AddUInt("general.file_type", QuantMix.FileTypeOf(tensors.Select(t => t.Tensor)));
            HuggingFaceTokens.ToGguf(folder, config, writer);
            return ModelContainer.Present(folder, $"Hugging Face folder of type {type}, " +
                $"{files.Count} safetensors file{(files.Count == 1 ? "" : "s")}", writer, tensors,
                [.. files.Select(f => f.File)]);
        }
        catch
        {
            files.ForEach(f => f.Dispose());
            throw;
        }
    }

    // All tensors of the folder by name.
    private static Dictionary<string, (SafetensorsTensor Tensor, MappedFile File)> Stored(
        string folder, List<Safetensors> files)
    {
        var index = JsonFile.OpenIfThere(Path.Combine(folder, IndexName));
        var map = index?.Object("weight_map");
        if (index is not null && map is null)
            throw index.Fault("weight_map", "an object");
        var places = map?.Texts().ToDictionary(p => p.Name, p => p.Text);
        foreach (var name in places is null ? Unindexed(folder) : places.Values.Distinct().Order())
        {
            // The index of a hostile folder could name any file of this machine.
            if (name != Path.GetFileName(name) || name is "" or "." or "..")
                throw new InvalidDataException(
                    $"{index!.Path}: names the file '{OneLine.Of(name)}', which is not in the folder.");
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
                throw new InvalidDataException($"{path}: is missing, and the index names it. Fetch it too.");
            files.Add(Safetensors.Open(path));
        }

        var stored = new Dictionary<string, (SafetensorsTensor, MappedFile)>();
        foreach (var file in files)
            foreach (var tensor in file.Tensors)
            {
                if (places is not null && (!places.TryGetValue(tensor.Name, out var place) ||
                    place != Path.GetFileName(file.Path)))
                    throw new InvalidDataException($"{file.Path}: holds tensor {tensor.Name}, which the index " +
                        (place is null ? "does not know." : $"has in {place}."));
                if (!stored.TryAdd(tensor.Name, (tensor, file.File)))
                    throw new InvalidDataException(
                        $"{file.Path}: the tensor {tensor.Name} stands in another file of the folder too.");
            }

        if (places is not null && places.Keys.FirstOrDefault(name => !stored.ContainsKey(name)) is { } missing)
            throw new InvalidDataException($"{Path.Combine(folder, places[missing])}: tensor {missing} is missing, " +
                "and the index has it there.");
        return stored;
    }

    private static IEnumerable<string> Unindexed(string folder)
    {
        if (File.Exists(Path.Combine(folder, WeightsName)))
            return [WeightsName];
        string[] found = [.. Directory.GetFiles(folder, "*.safetensors").Select(p => Path.GetFileName(p)!).Order()];
        return found.Length > 0 ? found : throw new InvalidDataException(
            $"{folder}: holds a {ConfigName} and no safetensors files. Weights in other formats (.bin, .pth, .h5) " +
            "cannot be read.");
    }

    private static List<(GgufTensor Tensor, TensorRows Rows)> Tensors(string folder, HuggingFaceModel model,
        HuggingFaceConfig.Shape shape, Dictionary<string, (SafetensorsTensor Tensor, MappedFile File)> stored,
        bool hasOtherParts, bool tied)
    {
        var found = new List<(GgufTensor Tensor, TensorRows Rows)>();
        // A model saved without its head has no name in front of its parts.
        var first = model.Tensors[0].Theirs;
        var prefix = hasOtherParts ? TextPrefix : "";
        var bare = !stored.ContainsKey($"{prefix}{first}.weight") && stored.ContainsKey($"{Bare(first)}.weight");
        if (tied)
            stored.Remove($"{prefix}lm_head.weight");

        foreach (var rule in model.Tensors.Where(r => !r.Gguf.Contains("{i}")))
            Add(rule, 0);
        if (found.Count == 0 || found[0].Tensor.Name != "token_embd.weight")
            throw new InvalidDataException($"{folder}: tensor {prefix}{first}.weight is missing.");
        for (var i = 0; i < shape.Layers; i++)
        {
            var before = found.Count;
            foreach (var rule in model.Tensors.Where(r => r.Gguf.Contains("{i}")))
                Add(rule, i);
            if (found.Count == before)
                throw new InvalidDataException($"{folder}: layer {i} of {shape.Layers} has no tensors.");
        }

        foreach (var name in stored.Keys)
            if (!s_buffers.Any(b => name.EndsWith(b, StringComparison.Ordinal)) &&
                !(hasOtherParts && s_otherParts.Any(p => name.StartsWith(p, StringComparison.Ordinal))))
                throw new InvalidDataException($"{stored[name].File.Path}: holds tensor {name}, which {model.Type} " +
                    "does not use here; this variant of the architecture is not supported.");
        return found;

        void Add(TensorRule rule, int layer)
        {
            foreach (var suffix in (string[])[".weight", ".bias"])
            {
                var name = rule.Gguf.Replace("{i}", $"{layer}") + suffix;
                var theirs = prefix + (bare ? Bare(rule.Theirs) : rule.Theirs).Replace("{i}", $"{layer}") + suffix;
                if (rule.Layout == TensorLayout.Experts)
                    AddStack(name, theirs);
                else if (stored.Remove(theirs, out var one))
                    found.Add(HuggingFaceLayout.ToGguf(name, one.Tensor, one.File, rule.Layout,
                        rule.Layout == TensorLayout.KeyPairs ? shape.KvHeads : shape.Heads));
            }
        }

        void AddStack(string name, string theirs)
        {
            var parts = new List<TensorRows>();
            GgufTensor? one = null;
            for (var e = 0; e < shape.Experts; e++)
            {
                var expert = theirs.Replace("{e}", $"{e}");
                if (!stored.Remove(expert, out var at))
                {
                    if (e == 0)
                        return; // no such tensor, or no experts in this layer
                    throw new InvalidDataException($"{folder}: tensor {expert} is missing.");
                }

                var (tensor, rows) = HuggingFaceLayout.ToGguf(name, at.Tensor, at.File, TensorLayout.Experts, 0);
                if (tensor.Shape.Count != 2 ||
                    (one is not null && (!one.Shape.SequenceEqual(tensor.Shape) || one.DType != tensor.DType)))
                    throw new InvalidDataException(
                        $"{at.File.Path}: tensor {expert} is no matrix of the shape and type of the other experts.");
                one ??= tensor;
                parts.Add(rows);
            }

            if (one is not null)
                found.Add(ModelContainer.Tensor(
                    name, [.. one.Shape, parts.Count], one.DType, new StackedRows(parts)));
        }
    }

    private static string Bare(string name) => name[(name.IndexOf('.') + 1)..];
}
