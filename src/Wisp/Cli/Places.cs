namespace Wisp.Cli;

/// <summary>Where wisp keeps and finds files.</summary>
internal static class Places
{
    /// <summary>Models, memory and journal of the user: $XDG_DATA_HOME/wisp, else ~/.local/share/wisp.</summary>
    public static string UserFolder(Func<string, string?> environment)
    {
        // The XDG base directory specification says to ignore a relative path.
        if (environment("XDG_DATA_HOME") is { Length: > 0 } data && Path.IsPathFullyQualified(data))
            return Path.Combine(data, "wisp");
        var home = environment("HOME") is { Length: > 0 } set
            ? set : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Combine(home, ".local", "share", "wisp");
    }

    /// <summary>Folders that a model's name is looked up in: beside the program, then the user's.</summary>
    public static IReadOnlyList<string> ModelFolders(string programFolder, Func<string, string?> environment) =>
    [
        Path.Combine(SourceRoot(programFolder) ?? programFolder, "models"),
        Path.Combine(UserFolder(environment), "models"),
    ];

    /// <summary>Makes a folder to write into, with those above it; one that is there already will do.</summary>
    /// <exception cref="UserException">It cannot be made.</exception>
    public static void Make(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var reason = File.Exists(folder) ? "a file of that name is there" : "nothing can be made at that place";
            throw new UserException($"{folder}: this folder cannot be made: {reason}. Choose another.", e);
        }
    }

    /// <summary>The checkout that the program was built in, or null for a program that was installed alone.</summary>
    public static string? SourceRoot(string programFolder)
    {
        for (var at = new DirectoryInfo(programFolder); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
                return at.FullName;
        return null;
    }
}
