using System.Security.Cryptography;
using System.Text;
using Wisp.Train.Data;

namespace Wisp.Tests.Train.Data;

public sealed class ManifestTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Manifest.Line[] _lines =
    [
        new("a.txt", "MIT", 12, new string('a', 64), Manifest.Train, 3),
        new("böök \"x\"\\\n.txt#1", "", 9, new string('0', 64), Manifest.HeldOut, 0),
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_manifest_is_read_as_it_was_written_and_its_hash_is_that_of_the_file()
    {
        using (var stream = File.Create(_folder["m"]))
            Assert.Equal(Manifest.Read(Written()).Hash, Manifest.Write(_lines, stream).Hash);
        var read = Manifest.Read(_folder["m"]);
        Assert.Equal(_lines, read.Lines);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["m"]))), read.Hash);
        Assert.StartsWith("{\"source\":\"a.txt\",\"licence\":\"MIT\",\"bytes\":12,\"sha256\":\"aaa",
            File.ReadAllText(_folder["m"]));
    }

    [Fact]
    public void An_edited_manifest_is_refused()
    {
        var text = File.ReadAllText(Written());
        foreach (var (from, to) in new[] { ("12", "-1"), ("\"MIT\"", "7"), ("train", "test"), (",\"tokens\":3", ""),
            ("12", "12.5"), ("{", "{ "), ("bytes", "byte") })
        {
            var path = _folder.Put("bad.jsonl", Encoding.UTF8.GetBytes(text.Replace(from, to)));
            Assert.Contains("bad.jsonl:1", Assert.Throws<InvalidDataException>(() => Manifest.Read(path)).Message);
        }

        Assert.Contains("none", Assert.Throws<InvalidDataException>(() => Manifest.Read(_folder["none"])).Message);
    }

    [Fact]
    public void Damage_ends_in_a_clear_error()
    {
        var whole = File.ReadAllBytes(Written());
        var random = new Random(6);
        for (var n = 0; n < 500; n++)
        {
            var damaged = n % 4 == 0 ? whole[..random.Next(whole.Length)] : whole.ToArray();
            if (n % 4 != 0)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            var path = _folder.Put("bad.jsonl", damaged);
            var error = Record.Exception(() => Manifest.Read(path));
            Assert.True(error is null || (error is InvalidDataException && error.Message.Contains("bad.jsonl")),
                $"{n}: {error}");
        }
    }

    [Fact]
    public void Token_files_of_other_documents_are_noticed()
    {
        var manifest = Manifest.Read(Written());
        using var train = Shards.Write(_folder["t"], [[1, 2, 3, 4]]); // 4 tokens and 12 bytes
        using var heldOut = Shards.Write(_folder["h"], [[]]);
        var error = Assert.Throws<InvalidDataException>(() => manifest.Check(train, heldOut));
        Assert.Contains("document 0 is not 'a.txt'", error.Message);
        // Right documents, and one too many.
        var line = new Manifest.Line("b.txt", "", 12, new string('a', 64), Manifest.Train, 4);
        using var stream = new MemoryStream();
        using var more = Shards.Write(_folder["more"], [[1, 2, 3, 4], [5]]);
        error = Assert.Throws<InvalidDataException>(() => Manifest.Write([line], stream).Check(more, heldOut));
        Assert.Contains("2 documents, the manifest has 1", error.Message);
    }

    private string Written()
    {
        using var stream = File.Create(_folder["written.jsonl"]);
        Manifest.Write(_lines, stream);
        return stream.Name;
    }
}
