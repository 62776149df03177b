using System.Text.RegularExpressions;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// A GGUF file, or all the shards of a model of which it is one. Shards are named NAME-00001-of-00003.gguf; the first
/// holds the metadata, and each says its number, their count and the tensors of all together (split.no, split.count,
/// split.tensors.count, as llama.cpp's gguf-split writes them).
/// </summary>
internal static partial class GgufFile
{
    private const string SplitPrefix = "split.";

    /// <summary>Takes over the file, unless it throws.</summary>
    public static Gguf Open(MappedFile file)
    {
        var single = Single(file);
        if (!single.TryGetUInt(SplitPrefix + "count", out var count) || count < 2)
            return single;
        return Joined(single, count);
    }

    private static Gguf Single(MappedFile file)
    {
        var header = GgufHeader.Read(file);
        var tensors = header.Tensors.Select(t =>
        {
            var row = t.DType.BytesOf(t.Shape.Count == 0 ? 1 : t.Shape[0]);
            return (t, (TensorRows)new MappedRows(file, t.Offset, row == 0 ? 0 : t.Bytes / row, row));
        }).ToList();
        return new Gguf(file.Path, file, header.Pairs, tensors, [])
        {
            Container = $"GGUF version {header.Version}",
            Length = file.Length,
            Version = header.Version,
            Alignment = header.Alignment,
            DataOffset = header.DataOffset,
        };
    }

    private static Gguf Joined(Gguf named, uint count)
    {
        var name = ShardName().Match(Path.GetFileName(named.Path));
        if (!name.Success || uint.Parse(name.Groups["count"].Value) != count)
            throw new InvalidDataException($"{named.Path}: is one of {count} shards, so its name must end in " +
                $"-00001-of-{count:00000}.gguf or the like. Give the shards their names back.");

        var folder = Path.GetDirectoryName(named.Path) ?? "";
        var shards = new List<Gguf>();
        try
        {
            for (var i = 1u; i <= count; i++)
            {
                var path = Path.Combine(folder, $"{name.Groups["name"].Value}-{i:00000}-of-{count:00000}.gguf");
                var shard = i == uint.Parse(name.Groups["number"].Value) ? named : Shard(path, i, count);
                shards.Add(shard);
                Check(shard, i, count);
            }

            return Joined(shards);
        }
        catch
        {
            // The named shard's file belongs to the caller as long as nothing was opened.
            foreach (var shard in shards.Where(s => s != named))
                shard.Dispose();
            throw;
        }
    }

    private static Gguf Shard(string path, uint number, uint count)
    {
        if (!File.Exists(path))
            throw new InvalidDataException(
                $"{path}: shard {number} of {count} is missing. All shards must lie in one folder.");
        var file = MappedFile.Open(path);
        try
        {
            return Single(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void Check(Gguf shard, uint number, uint count)
    {
        if (!shard.TryGetUInt(SplitPrefix + "no", out var no) || no != number - 1 ||
            !shard.TryGetUInt(SplitPrefix + "count", out var of) || of != count)
            throw new InvalidDataException($"{shard.Path}: does not say that it is shard {number} of {count}. " +
                "Its name does not fit its content.");
    }

    private static Gguf Joined(List<Gguf> shards)
    {
        var names = new HashSet<string>();
        var tensors = new List<(GgufTensor, TensorRows)>();
        foreach (var shard in shards)
            foreach (var tensor in shard.Tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new InvalidDataException(
                        $"{shard.Path}: the tensor {tensor.Name} stands in an earlier shard too. The shards are of " +
                        "different models.");
                tensors.Add((tensor, shard.Rows(tensor)));
            }

        var first = shards[0];
        if (first.TryGetUInt(SplitPrefix + "tensors.count", out var expected) && expected != tensors.Count)
            throw new InvalidDataException($"{first.Path}: speaks of {expected} tensors, and its {shards.Count} " +
                $"shards hold {tensors.Count}. The shards are of different models.");
        return first.JoinedWith(shards, tensors,
            [.. first.Metadata.Where(p => !p.Key.StartsWith(SplitPrefix, StringComparison.Ordinal))]);
    }

    [GeneratedRegex(@"^(?<name>.*)-(?<number>[0-9]{5})-of-(?<count>[0-9]{5})\.gguf$", RegexOptions.Singleline)]
    private static partial Regex ShardName();
}
