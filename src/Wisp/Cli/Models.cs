using System.CommandLine;
using Wisp.Model;

namespace Wisp.Cli;

/// <summary>From what a person calls a model to an open file.</summary>
internal static class Models
{
    public static Option<string> Option() => new("--model", "-m")
    {
        Description = "A model file, or a name in a model folder; without it the default model", HelpName = "FILE",
    };

    /// <summary>The model of an option's value; null means the default model.</summary>
    /// <exception cref="UserException">There is no such model; the message says where was looked.</exception>
    public static ModelFile Open(string? name)
    {
        var folders = Places.ModelFolders(AppContext.BaseDirectory, Environment.GetEnvironmentVariable);
        var model = ModelFile.Open(name is null ? Default(folders) : Find(name, folders));
        if (model.Tokenizer is not null)
            return model;
        model.Dispose();
        throw new UserException($"{model.Path}: holds no tokenizer, so it can read and write token ids only.");
    }

    public static string Find(string name, IReadOnlyList<string> folders)
    {
        if (File.Exists(name))
            return name;
        var tries = folders.SelectMany(f => new[] { Path.Combine(f, name), Path.Combine(f, name + ".gguf") });
        return tries.FirstOrDefault(File.Exists) ?? throw new UserException(
            $"{name}: no such model file, nor a model of that name in {string.Join(" or ", folders)}.");
    }

    private static string Default(IReadOnlyList<string> folders) =>
        new[] { "wisp-chat.gguf", "wisp-base.gguf" }
            .SelectMany(name => folders.Select(f => Path.Combine(f, name)))
            .FirstOrDefault(File.Exists)
        ?? throw new UserException(
            "There is no default model. Name one with -m FILE, or train one: wisp train pretrain --data FOLDER " +
            "--minutes 10");
}
