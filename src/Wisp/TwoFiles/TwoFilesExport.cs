using System.Text.RegularExpressions;
using Wisp.Cli;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.TwoFiles;

/// <summary>
/// Writes a model as two files: parameters.bin, a GGUF with the tokenizer inside, and run.cs, the page that runs it.
/// </summary>
internal static partial class TwoFilesExport
{
    public const string ParametersName = "parameters.bin";
    public const string PageName = "run.cs";

    // llama_ftype of llama.h, which general.file_type holds.
    private const int AllF32 = 0;
    private const int MostlyQ8_0 = 7;

    /// <param name="type">F32 or Q8_0, or null: as the model has it, where it has one of the two, else F32.</param>
    /// <returns>The type of the written matrices.</returns>
    /// <exception cref="InvalidDataException">The page cannot run this model.</exception>
    /// <exception cref="IOException">A file is in the way, or the folder cannot be written.</exception>
    public static DType Write(string modelPath, string folder, DType? type, bool force)
    {
        using var model = Gguf.Open(modelPath);
        RequireRunnable(model);
        var target = type ?? (model.Tensors.Any(t => t.DType == DType.Q8_0) ? DType.Q8_0 : DType.F32);

        if (File.Exists(folder))
            throw new IOException($"{folder}: is a file, and a folder is needed. Choose another name.");
        var (parameters, page) = (Path.Combine(folder, ParametersName), Path.Combine(folder, PageName));
        if (!force && (File.Exists(parameters) ? parameters : File.Exists(page) ? page : null) is { } present)
            throw new IOException($"{present}: exists already. Choose another folder, or add --force to replace it.");

        Places.Make(folder);
        // The large one first: where the disk is full, nothing has changed yet.
        Converted(model, target).Write(parameters);
        AtomicFile.Write(page, stream => Page().CopyTo(stream));
        return target;
    }

    private static Stream Page() => typeof(TwoFilesExport).Assembly.GetManifestResourceStream(PageName)!;

    private static GgufWriter Converted(Gguf model, DType target)
    {
        var writer = new GgufWriter();
        foreach (var (key, _) in model.Metadata)
            if (key is not ("general.file_type" or "general.quantization_version" or "wisp.step"))
                writer.AddCopy(model, key);
        writer.AddUInt("general.file_type", target == DType.Q8_0 ? MostlyQ8_0 : AllF32);

        foreach (var tensor in model.Tensors.Where(BelongsToModel))
        {
            // Vectors stay exact: they are few, and a norm multiplies everything. So do rows that Q8_0 cannot divide.
            var fits = tensor.Shape.Count > 1 && tensor.Shape[0] % DType.Q8_0.BlockLength() == 0;
            var wanted = target == DType.Q8_0 && fits ? DType.Q8_0 : DType.F32;
            if (tensor.DType == wanted)
                writer.AddCopy(model, tensor);
            else
                writer.AddTensor(tensor.Name, [.. tensor.Shape], wanted, (first, values) => Blocks.Decode(
                    values,
                    model.Bytes(tensor, tensor.DType.BytesOf(first), (int)tensor.DType.BytesOf(values.Length)),
                    tensor.DType));
        }

        return writer;
    }

    // A checkpoint is a model and the state of its optimizer.
    private static bool BelongsToModel(GgufTensor tensor) =>
        !tensor.Name.StartsWith(ModelFile.CheckpointPrefix, StringComparison.Ordinal);

    /// <summary>Refuses here what run.cs would refuse later, and says so while the source model is at hand.</summary>
    private static void RequireRunnable(Gguf model)
    {
        if (model.Tensors.Count == 0)
            throw Unfit("it holds a tokenizer and no model");
        string Text(string key) => model.TryGetString(key, out var value) ? value : "nothing";
        var architecture = Text("general.architecture");
        if (architecture is not ("qwen3" or "llama"))
            throw Unfit($"general.architecture is {architecture}; run.cs describes qwen3 and llama");
        var tokenizer = $"{Text("tokenizer.ggml.model")}/{Text("tokenizer.ggml.pre")}";
        if (tokenizer != "gpt2/llama-bpe")
            throw Unfit($"its tokenizer is {tokenizer}; run.cs knows gpt2/llama-bpe");
        var scaling = Text($"{architecture}.rope.scaling.type");
        if (scaling is not ("nothing" or "none"))
            throw Unfit($"it scales RoPE ({scaling}), which run.cs leaves out");
        foreach (var tensor in model.Tensors.Where(BelongsToModel))
        {
            if (!KnownTensor().IsMatch(tensor.Name) || tensor.Shape.Count is not (1 or 2))
                throw Unfit($"run.cs has no use for its tensor {tensor.Name} of {tensor.Shape.Count} dimensions");
            if (!tensor.DType.CanDecode())
                throw Unfit(
                    $"{tensor.Name} is {tensor.DType.Name()}; {DTypes.Names(DTypes.CanDecode)} can be converted");
        }

        InvalidDataException Unfit(string why) =>
            new($"{model.Path}: cannot become two files: {why}. `wisp inspect` lists what the file holds.");
    }

    [GeneratedRegex(@"^((token_embd|output|output_norm|rope_freqs)|" +
        @"blk\.\d+\.(attn_(norm|q|k|v|output|q_norm|k_norm)|ffn_(norm|gate|up|down)))\.weight$")]
    private static partial Regex KnownTensor();
}
