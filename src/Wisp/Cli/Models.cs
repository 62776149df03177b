using System.CommandLine;
using Wisp.Model;
using Wisp.Train;

namespace Wisp.Cli;

/// <summary>From what a person calls a model to an open file.</summary>
internal static class Models
{
    // Those that go on with a text begin with the base model, conversations with the other.
    private static readonly string[] s_default = ["wisp-base.gguf", "wisp-chat.gguf"];
    private static readonly string[] s_chat = ["wisp-chat.gguf", "wisp-base.gguf"];

    // What a folder that training or export wrote holds, the finished model first.
    private static readonly string[] s_inFolder =
        [PretrainRun.ModelName, Checkpoint.FileName, TwoFiles.TwoFilesExport.ParametersName, TokenizerFile.FileName];

    public static Option<string> Option() => new("--model", "-m")
    {
        Description = "A model file, the folder of a run, or a name in a model folder; without it the default model",
        HelpName = "MODEL",
    };

    /// <summary>The model that a command reads, where there is no default.</summary>
    public static Argument<string> Argument() => new("MODEL")
    {
        Description = "A GGUF file or shard, a Hugging Face folder, a llama2.c .bin file, or a name in a model folder",
    };

    /// <summary>The model of an option's value, ready to read and write text; null means the default model.</summary>
    /// <exception cref="UserException">There is no such model; the message says where was looked.</exception>
    public static ModelFile Open(string? name)
    {
        var path = Find(name);
        using (var gguf = Gguf.Open(path))
            if (gguf.Tensors.Count == 0)
                throw new UserException(
                    $"{path}: holds a tokenizer and no model. Train one: wisp train pretrain --tokenizer {path} ...");
        var model = ModelFile.Open(path);
        if (model.Tokenizer is not null)
            return model;
        model.Dispose();
        throw new UserException($"{model.Path}: holds no tokenizer, so it " +
            "reads and writes token ids only: wisp run --ids 1,2,3");
    }

    /// <summary>The file of a model; null means the default model.</summary>
    public static string Find(string? name) =>
        Find(name, Places.ModelFolders(AppContext.BaseDirectory, Environment.GetEnvironmentVariable));

    /// <summary>The same, null meaning the model that conversations are held with.</summary>
    public static string FindForChat(string? name) => Find(
        name, Places.ModelFolders(AppContext.BaseDirectory, Environment.GetEnvironmentVariable), s_chat);

    /// <summary>The names of the models that need no path.</summary>
    public static IReadOnlyList<string> Known() =>
        [.. Names(Places.ModelFolders(AppContext.BaseDirectory, Environment.GetEnvironmentVariable)).OfType<string>()];

    internal static string Find(string? name, IReadOnlyList<string> folders, string[]? defaults = null)
    {
        if (name is null)
            return Among(folders, defaults ?? s_default) ?? throw new UserException("There is no default model. " +
                "Name one with -m MODEL, or train one: wisp train pretrain --data FOLDER --minutes 10");
        if (name.Length == 0)
            throw new UserException(
                "The name of the model is empty. Name a file, a folder of a run, or nothing at all.");
        if (File.Exists(name))
            return name;
        if (Directory.Exists(name))
            return InFolder(name) ?? throw new UserException(
                $"{name}: is a folder without a model: none of {string.Join(", ", s_inFolder)} is there, nor the " +
                "config.json of a Hugging Face model.");
        return Among(folders, [name, name + ".gguf"])
            ?? folders.Select(f => Path.Combine(f, name)).Where(Directory.Exists).Select(InFolder)
                .FirstOrDefault(found => found is not null)
            ?? throw new UserException(
            $"{name}: no such model file, nor a model of that name in {string.Join(" or ", folders)}" +
            (Names(folders) is { Count: > 0 } names ? $", where there are: {string.Join(", ", names)}." : "."));
    }

    // Ours by its file; a Hugging Face model is the folder itself; of shards the first stands for all.
    private static string? InFolder(string folder) => Among([folder], s_inFolder)
        ?? (File.Exists(Path.Combine(folder, "config.json")) ? folder : null)
        ?? Directory.GetFiles(folder, "*-00001-of-?????.gguf") switch { [var only] => only, _ => null };

    private static string? Among(IEnumerable<string> folders, string[] names) =>
        names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    private static List<string?> Names(IEnumerable<string> folders) =>
        [.. folders.Where(Directory.Exists).SelectMany(folder => Directory.GetFiles(folder, "*.gguf"))
            .Select(Path.GetFileNameWithoutExtension).Distinct().Order(StringComparer.Ordinal)];
}
