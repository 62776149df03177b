using Wisp.Model;

namespace Wisp.Cli;

/// <summary>What stands in the way of writing a model.</summary>
internal static class Outputs
{
    /// <param name="target">As the user said it.</param>
    /// <param name="present">The file whose presence means that a model is there.</param>
    /// <exception cref="UserException">It is the model that is read, or another one and not to be replaced.</exception>
    public static void Require(Gguf model, string target, string present, bool force)
    {
        if (target.Length == 0)
            throw new UserException("The name of the output is empty. Name a file or a folder: --out NAME.");
        if (Path.GetFullPath(target) == Path.GetFullPath(model.Path))
            throw new UserException($"{target}: is the model to read. Choose another name for --out.");
        if (!force && File.Exists(present))
            throw new UserException($"{present}: exists already. Choose another name, or add --force to replace it.");
    }
}
