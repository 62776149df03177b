using System.Diagnostics;

namespace Wisp.Bench.Peer;

/// <summary>
/// llama.cpp as prebuilt CPU libraries, from the npm package that node-llama-cpp publishes. They serve as a second
/// opinion on logits and token ids and as the yardstick of speed, in benches only. Fetching them is the bench's one use
/// of the network.
/// </summary>
internal static class PeerPackage
{
    // The release whose structures LlamaCpp.cs knows (llama.cpp v0.5.0), and that made the golden values.
    private const string Package = "@node-llama-cpp/linux-x64";
    private const string Version = "3.22.1";

    /// <summary>
    /// The folder with the libraries: below the one given, else below artifacts/peer, fetched when missing.
    /// </summary>
    public static string Folder(string? given)
    {
        if (given is not null)
            return Find(given) ?? throw new IOException($"{given}: there is no libllama below this folder.");
        var root = Path.Combine(Checkout(), "artifacts", "peer");
        if (Find(root) is { } found)
            return found;
        Directory.CreateDirectory(root);
        Console.Error.WriteLine($"fetching {Package} {Version} into {root}");
        Npm(root);
        return Find(root) ?? throw new IOException($"{root}: npm brought no libllama; name a folder with it by --peer.");
    }

    private static string? Find(string folder) => !Directory.Exists(folder) ? null : Directory
        .EnumerateFiles(folder, "libllama.*", SearchOption.AllDirectories)
        .Select(Path.GetDirectoryName).FirstOrDefault();

    private static void Npm(string root)
    {
        string[] arguments =
            ["install", "--prefix", root, "--no-audit", "--no-fund", "--ignore-scripts", $"{Package}@{Version}"];
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("npm", arguments) { RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new IOException(
                "npm was not found. Install Node.js, or name a folder with the libraries with --peer.");
        }

        using (process)
        {
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new IOException($"npm {string.Join(' ', arguments)} failed with exit code {process.ExitCode}.");
        }
    }

    private static string Checkout()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
                return at.FullName;
        throw new IOException("the bench runs outside of a checkout; name the folder of the libraries with --peer.");
    }
}
