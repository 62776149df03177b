using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Wisp.Grammar;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Grammar;

/// <summary>
/// GBNF against llama.cpp: which tokens are allowed at each step of many texts, which grammars are none.
/// </summary>
public class LlamaCppGrammarTests
{
    private const string File = "golden/llamacpp/sampling/grammar.json";

    [Fact]
    public void Every_step_allows_the_tokens_that_llama_cpp_allows()
    {
        using var golden = JsonDocument.Parse(System.IO.File.ReadAllBytes(GoldenFile.PathOrSkip(File)));
        var root = golden.RootElement;
        var vocabularies = root.GetProperty("vocabs").EnumerateObject().ToDictionary(v => v.Name,
            v => Vocabularies.Read(PathOf(v.Value.GetProperty("file").GetString()!), withSpecial: true, lenient: true));
        var masks = new Dictionary<(string, string), TokenMask>();
        var faults = new List<string>();
        var steps = 0;
        foreach (var run in root.GetProperty("runs").EnumerateArray())
        {
            var key = (Grammar: run.GetProperty("grammar").GetString()!,
                Vocabulary: run.GetProperty("vocab").GetString()!);
            if (!masks.TryGetValue(key, out var mask))
            {
                var text = root.GetProperty("grammars").GetProperty(key.Grammar).GetString()!;
                masks[key] = mask = new TokenMask(Gbnf.Compile(text, key.Grammar), vocabularies[key.Vocabulary]);
            }

            steps += Replay(run, mask, $"{key.Grammar} on {key.Vocabulary}, {run.GetProperty("text")}", faults);
        }

        Assert.Empty(faults);
        Assert.InRange(steps, 1, int.MaxValue);
    }

    private static int Replay(JsonElement run, TokenMask mask, string name, List<string> faults)
    {
        var tokens = run.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt32()).ToArray();
        var rejectedAt = run.GetProperty("rejected_at_token") is { ValueKind: JsonValueKind.Number } at
            ? at.GetInt32()
            : -1;
        var state = mask.Start;
        var allowed = new ulong[mask.Words];
        var index = 0;
        foreach (var step in run.GetProperty("steps").EnumerateArray())
        {
            mask.Fill(allowed, state);
            var ids = Enumerable.Range(0, 64 * allowed.Length).Where(id => (allowed[id >> 6] >> id & 1) != 0).ToArray();
            if (ids.Length != step.GetProperty("n").GetInt32() || Hash(ids) != step.GetProperty("sha256").GetString())
                faults.Add($"{name}: step {index} allows {ids.Length} tokens, not {step.GetProperty("n")}");
            if (index < tokens.Length)
            {
                var accepted = mask.TryAccept(state, tokens[index], out var next);
                if (accepted != (index != rejectedAt))
                    faults.Add($"{name}: token {index} was {(accepted ? "taken" : "refused")}");
                if (!accepted)
                    return index + 1;
                state = next;
            }

            index++;
        }

        if (state.CanEnd != run.GetProperty("accepted").GetBoolean())
            faults.Add($"{name}: the text was {(state.CanEnd ? "" : "not ")}complete");
        return index;
    }

    [Fact]
    public void What_llama_cpp_refuses_is_refused_with_line_and_column()
    {
        using var golden = JsonDocument.Parse(System.IO.File.ReadAllBytes(GoldenFile.PathOrSkip(File)));
        foreach (var entry in golden.RootElement.GetProperty("invalid").EnumerateArray())
        {
            var name = entry.GetProperty("name").GetString()!;
            var text = entry.GetProperty("grammar").GetString()!;
            // To llama.cpp's function an empty text means that there is no grammar; a file without rules is a mistake.
            if (entry.GetProperty("rejected").GetBoolean() || string.IsNullOrWhiteSpace(text))
                Assert.StartsWith(name, Assert.Throws<InvalidDataException>(() => Gbnf.Compile(text, name)).Message);
            else
                Gbnf.Compile(text, name);
        }
    }

    private static string PathOf(string file) => GoldenFile.PathOrSkip(
        (file.StartsWith("ggml-vocab/", StringComparison.Ordinal) ? "data/tokenizers/" : "golden/llamacpp/") + file);

    private static string Hash(int[] ids) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(
        string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture))))))[..16];
}
