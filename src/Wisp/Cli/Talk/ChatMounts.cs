using Wisp.Agents;
using Wisp.Mounts;

namespace Wisp.Cli.Talk;

/// <summary>The folders that the user has given to models, as the chat shows and changes them.</summary>
/// <param name="folder">The user's data.</param>
internal sealed class ChatMounts(string folder)
{
    /// <summary>What an answer may call, by what is mounted now.</summary>
    /// <param name="context">Tokens that the model sees at once.</param>
    public Toolbox Tools(int context) => Toolbox.Of(folder, context);

    /// <exception cref="UserException">The list is damaged.</exception>
    public IReadOnlyList<FolderGrant> All => Guarded(table => table.Read());

    /// <summary>Gives a folder, under its own name where no other is said.</summary>
    /// <exception cref="UserException">There is no such folder, or its place is taken.</exception>
    public FolderGrant Add(string path, string? at, bool canWrite)
    {
        if (path.StartsWith("~/", StringComparison.Ordinal) || path == "~")
            path = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..];
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(full))
            throw new UserException($"{path}: there is no such folder.");
        var grant = new FolderGrant(at ?? "/" + Path.GetFileName(full), full, canWrite);
        return Guarded(table =>
        {
            table.Add(grant);
            return grant;
        });
    }

    /// <exception cref="UserException">Nothing is mounted there.</exception>
    public void Remove(string at) => Guarded(table =>
    {
        table.Remove(TreePath.Parse(at));
        return at;
    });

    private T Guarded<T>(Func<MountTable, T> work)
    {
        try
        {
            return work(Toolbox.Table(folder));
        }
        catch (Exception e) when (e is MountException or IOException or UnauthorizedAccessException)
        {
            throw new UserException(e.Message, e);
        }
    }
}
