using System.Text.Json;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>Writes a model as a Hugging Face folder: config, weights, generation defaults.</summary>
public static class HuggingFaceWriter
{
    /// <summary>Weights beyond this are cut into several files with an index, as transformers does.</summary>
    public const long ShardBytes = 4L << 30;

    private sealed record Part(string Name, long[] Shape, DType Type, TensorRows Rows);

    /// <param name="type">Of the matrices; null keeps F32, F16 and BF16 and writes anything else as F32, which loses
    /// nothing.</param>
    /// <param name="progress">Told what is done, bytes so far and bytes in all.</param>
    /// <returns>The files, the last of them config.json.</returns>
    /// <exception cref="InvalidDataException">The architecture, or this variant of it, cannot be written.</exception>
    public static IReadOnlyList<string> Write(Gguf gguf, string folder, DType? type = null, int threads = 1,
        Action<string, long, long>? progress = null, long shardBytes = ShardBytes)
    {
        if (type is not (null or DType.F32 or DType.F16 or DType.BF16))
            throw new ArgumentException(
                $"A Hugging Face folder holds f32, f16 or bf16, not {type.Value.Name().ToLowerInvariant()}. " +
                "For a quantised model write a .gguf file.");
        var model = HuggingFaceModel.OfGguf(gguf);
        var parts = Parts(gguf, model, type, out var most);
        var config = new MemoryStream();
        using (var json = new Utf8JsonWriter(config, new JsonWriterOptions { Indented = true }))
            HuggingFaceConfig.ToConfig(gguf, model, json, most switch
            {
                DType.F16 => "float16",
                DType.BF16 => "bfloat16",
                _ => "float32",
            });

        Directory.CreateDirectory(folder);
        // A folder without a config is no model: so long as the weights are not complete, nobody takes it for one.
        var configPath = Path.Combine(folder, HuggingFaceFolder.ConfigName);
        File.Delete(configPath);
        var files = WriteWeights(folder, parts, threads, progress, shardBytes);
        files.AddRange(HuggingFaceTokens.Write(gguf, folder));
        AtomicFile.Write(configPath, stream => config.WriteTo(stream));
        return [.. files, configPath];
    }

    private static List<Part> Parts(Gguf gguf, HuggingFaceModel model, DType? type, out DType most)
    {
        var shape = HuggingFaceConfig.ShapeOf(gguf, model);
        var rules = Rules(model, shape.Layers);
        var tensors = gguf.Tensors.Where(t => !IsTraining(t) && !IsRope(t)).ToList();
        most = tensors.Where(t => t.Shape.Count > 1).GroupBy(t => Target(t.DType, type))
            .OrderByDescending(g => g.Sum(t => (decimal)t.Elements)).FirstOrDefault()?.Key ?? DType.F32;
        var parts = new List<Part>();
        foreach (var tensor in tensors)
        {
            if (!rules.TryGetValue(tensor.Name, out var rule))
                throw new InvalidDataException($"{gguf.Path}: holds tensor {tensor.Name}, for which {model.Type} has " +
                    "no name; this variant of the architecture cannot be written as a Hugging Face folder.");
            if (!tensor.DType.CanDecode())
                throw new InvalidDataException($"{gguf.Path}: tensor {tensor.Name} is stored as " +
                    $"{tensor.DType.Name()}, which cannot be converted.");
            var target = Target(tensor.DType, type);
            // A matrix that GGUF keeps wide goes back to what the folder it came from had.
            if (HuggingFaceLayout.StaysWide(tensor.Name, tensor.Shape.Count) && tensor.Shape.Count > 1)
                target = HuggingFaceLayout.IsExact(gguf, tensor, most) ? most : DType.F32;
            var heads = rule.Layout == TensorLayout.KeyPairs ? shape.KvHeads : shape.Heads;
            var (lengths, stored, rows) =
                HuggingFaceLayout.ToFolder(gguf, tensor, rule.Layout, heads, target, narrow: most);
            long[] theirs = [.. lengths.Reverse()];
            if (rule.Layout != TensorLayout.Experts)
            {
                parts.Add(new Part(rule.Theirs, theirs, stored, rows));
                continue;
            }

            if (theirs.Length != 3 || theirs[0] != shape.Experts)
                throw new InvalidDataException($"{gguf.Path}: tensor {tensor.Name} is " +
                    $"({string.Join(", ", lengths)}), expected a matrix for each of {shape.Experts} experts.");
            for (var e = 0; e < shape.Experts; e++)
                parts.Add(new Part(rule.Theirs.Replace("{e}", $"{e}"), theirs[1..], stored,
                    new RowRange(rows, e * theirs[1], theirs[1])));
        }

        return parts;
    }

    // The rule of every tensor that the model could have, by its name in GGUF.
    private static Dictionary<string, TensorRule> Rules(HuggingFaceModel model, int layers)
    {
        var rules = new Dictionary<string, TensorRule>();
        foreach (var rule in model.Tensors)
            foreach (var suffix in (string[])[".weight", ".bias"])
                for (var i = 0; i < (rule.Gguf.Contains("{i}") ? layers : 1); i++)
                    rules.Add(rule.Gguf.Replace("{i}", $"{i}") + suffix, rule with
                    {
                        Theirs = rule.Theirs.Replace("{i}", $"{i}") + suffix,
                    });
        return rules;
    }

    private static DType Target(DType stored, DType? wanted) =>
        wanted ?? (stored is DType.F16 or DType.BF16 ? stored : DType.F32);

    private static bool IsTraining(GgufTensor tensor) =>
        tensor.Name.StartsWith(ModelFile.CheckpointPrefix, StringComparison.Ordinal);

    // Said by the config.
    private static bool IsRope(GgufTensor tensor) =>
        tensor.Name is HuggingFaceRope.Frequencies or HuggingFaceRope.Long or HuggingFaceRope.Short;

    private static List<string> WriteWeights(string folder, List<Part> parts, int threads,
        Action<string, long, long>? progress, long shardBytes)
    {
        var shards = new List<List<Part>> { new() };
        var size = 0L;
        foreach (var part in parts)
        {
            if (size > 0 && size + part.Rows.Bytes > shardBytes)
            {
                shards.Add([]);
                size = 0;
            }

            shards[^1].Add(part);
            size += part.Rows.Bytes;
        }

        long done = 0, total = parts.Sum(p => p.Rows.Bytes);
        var files = new List<string>();
        var places = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (var s = 0; s < shards.Count; s++)
        {
            var name = shards.Count == 1
                ? HuggingFaceFolder.WeightsName : $"model-{s + 1:00000}-of-{shards.Count:00000}.safetensors";
            var writer = new SafetensorsWriter().AddMetadata("format", "pt");
            foreach (var part in shards[s])
            {
                places.Add(part.Name, name);
                writer.Add(part.Name, part.Type, part.Shape, stream =>
                {
                    part.Rows.CopyTo(stream, threads,
                        bytes => progress?.Invoke("writing weights", done + bytes, total));
                    done += part.Rows.Bytes;
                });
            }

            files.Add(Path.Combine(folder, name));
            writer.Write(files[^1]);
        }

        var index = Path.Combine(folder, HuggingFaceFolder.IndexName);
        RemoveOthers(folder, files);
        if (shards.Count > 1)
        {
            AtomicFile.Write(index, stream => WriteIndex(stream, places, total));
            files.Add(index);
        }

        return files;
    }

    // Weights of a model that was there before, under names that this one does not have.
    private static void RemoveOthers(string folder, List<string> files)
    {
        File.Delete(Path.Combine(folder, HuggingFaceFolder.IndexName));
        foreach (var old in Directory.GetFiles(folder, "model*.safetensors").Except(files))
            File.Delete(old);
    }

    private static void WriteIndex(Stream stream, IReadOnlyDictionary<string, string> places, long total)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", total);
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach (var (name, file) in places)
            json.WriteString(name, file);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
