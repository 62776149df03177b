using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Wisp.Bench.Peer;
using Wisp.Model.Containers;

namespace Wisp.Bench;

/// <summary>
/// Trust in the driver itself: with the settings of the golden values it must give the golden logits, greedy
/// continuations and token ids.
/// </summary>
internal static class PeerGolden
{
    public static Command Create(Option<string?> peerOption)
    {
        var folder = new Argument<string>("FOLDER") { Description = "golden/llamacpp" };
        var command = new Command("peer-golden", "Check this driver against stored results of llama.cpp")
        {
            folder, peerOption,
        };
        command.SetAction(result =>
        {
            var native = LlamaNative.Load(PeerPackage.Folder(result.GetValue(peerOption)));
            var golden = result.GetRequiredValue(folder);
            var failed = Models(native, golden) + Vocabularies(native, golden);
            Console.WriteLine(failed == 0 ? "all the same" : $"{failed} differ");
            return failed == 0 ? 0 : 1;
        });
        return command;
    }

    private static int Models(LlamaNative native, string folder)
    {
        var failed = 0;
        var models = Directory.GetFiles(Path.Combine(folder, "models"), "*.gguf");
        foreach (var model in models.Order(StringComparer.Ordinal))
        {
            using var golden = Safetensors.Open(Path.ChangeExtension(model, ".golden.safetensors"));
            using var peer = new LlamaCpp(native, model, PeerSettings.Golden);
            var prompt = Ints(golden, "prompt_tokens");
            var check = PeerCheck.Of(peer, prompt, _ => Floats(golden, "prefill_logits"));
            var expected = Ints(golden, "greedy_tokens");
            var greedy = peer.Greedy(prompt, expected.Length).AsSpan().SequenceEqual(expected);
            // 1e-4: an F32 model differs by up to 1e-5 between the CPU variants of the same release. Quantised ones may
            // differ more on another CPU than the zen4 variant that made the values.
            failed += Report(
                check.Worst <= 1e-4 && greedy, model, $"{check}, greedy {(greedy ? "same" : "different")}");
        }

        return failed;
    }

    private static int[] Ints(Safetensors file, string name) =>
        MemoryMarshal.Cast<byte, int>(file.Bytes(file.Tensor(name))).ToArray();

    private static float[] Floats(Safetensors file, string name)
    {
        var tensor = file.Tensor(name);
        var values = new float[tensor.Elements];
        file.ReadFloats(tensor, values);
        return values;
    }

    private static int Vocabularies(LlamaNative native, string folder)
    {
        var failed = 0;
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer", "index.json")));
        foreach (var entry in index.RootElement.EnumerateArray())
        {
            var file = entry.GetProperty("file").GetString()!;
            var path = Path.Combine(folder, file);
            if (!File.Exists(path))
                path = Path.Combine(folder, "..", "..", "data", "tokenizers", file);
            using var peer = new LlamaCpp(native, path, PeerSettings.Vocabulary);
            int cases = 0, same = 0;
            foreach (var line in File.ReadLines(Path.Combine(folder, entry.GetProperty("cases").GetString()!)))
            {
                using var json = JsonDocument.Parse(line);
                var text = json.RootElement.GetProperty("text");
                var bytes = text.ValueKind == JsonValueKind.String
                    ? Encoding.UTF8.GetBytes(text.GetString()!)
                    : Convert.FromHexString(text.GetProperty("hex").GetString()!);
                cases++;
                if (Agrees("plain", false, false) && Agrees("special", true, false) &&
                    Agrees("parse", false, true) && Agrees("special_parse", true, true))
                    same++;

                bool Agrees(string kind, bool addSpecial, bool parseSpecial) =>
                    json.RootElement.GetProperty(kind).EnumerateArray().Select(id => id.GetInt32())
                        .SequenceEqual(peer.Tokenise(bytes, addSpecial, parseSpecial));
            }

            failed += Report(same == cases, path, $"token ids of {same} of {cases} texts the same");
        }

        return failed;
    }

    private static int Report(bool passed, string path, string what)
    {
        Console.WriteLine($"{(passed ? "same" : "DIFFERENT"),-9} {Path.GetFileName(path),-32} {what}");
        return passed ? 0 : 1;
    }
}
