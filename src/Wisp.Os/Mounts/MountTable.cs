using System.Text.Json;
using System.Text.Json.Serialization;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A folder of the machine that the user gave.</summary>
/// <param name="At">Where it stands in the tree.</param>
/// <param name="CanWrite">Whether it was given for writing too.</param>
public sealed record FolderGrant(string At, string Folder, bool CanWrite);

/// <summary>The folders that the user gave, in a file that the next kernel reads.</summary>
public sealed class MountTable(string path)
{
    /// <summary>Places that the tree has for itself.</summary>
    private static readonly string[] s_taken = ["/dev", "/mem", "/proc", "/rag", "/tools"];

    /// <exception cref="MountException">The file is damaged.</exception>
    public IReadOnlyList<FolderGrant> Read()
    {
        if (!File.Exists(path))
            return [];
        try
        {
            var grants = JsonSerializer.Deserialize(File.ReadAllBytes(path), MountJson.Default.ListFolderGrant) ?? [];
            foreach (var grant in grants)
                Check(grant);
            return grants;
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or ArgumentNullException)
        {
            throw new MountException(SysStatus.Failed,
                $"{path}: is no list of mounts. Mend it, or move it away and mount again.");
        }
    }

    /// <exception cref="MountException">The place is taken, or none.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Add(FolderGrant grant)
    {
        Check(grant);
        var grants = Read().ToList();
        if (grants.Exists(other => other.At == grant.At))
            throw new MountException(SysStatus.Failed,
                $"{grant.At}: {grants.Find(other => other.At == grant.At)!.Folder} is mounted there.");
        Save([.. grants, grant]);
    }

    /// <exception cref="MountException">Nothing is mounted there.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Remove(TreePath at)
    {
        var grants = Read().ToList();
        if (grants.RemoveAll(grant => grant.At == at.ToString()) == 0)
            throw new MountException(SysStatus.NotFound, $"{at}: no folder is mounted there.");
        Save(grants);
    }

    private static void Check(FolderGrant grant)
    {
        var at = TreePath.Parse(grant.At);
        if (at.IsRoot || at.ToString() != grant.At)
            throw new MountException(SysStatus.Malformed,
                $"{TreePath.Shown(grant.At)}: is no place to mount at; name one such as /docs.");
        if (s_taken.Any(taken => at.IsWithin(TreePath.Parse(taken))))
            throw new MountException(SysStatus.Malformed,
                $"{at}: that place is the tree's own. Take one outside of {string.Join(", ", s_taken)}.");
        if (!Path.IsPathFullyQualified(grant.Folder))
            throw new MountException(SysStatus.Malformed, $"{at}: '{TreePath.Shown(grant.Folder)}' is no full path.");
    }

    private void Save(List<FolderGrant> grants)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, grants, MountJson.Default.ListFolderGrant));
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(List<FolderGrant>))]
internal sealed partial class MountJson : JsonSerializerContext;
