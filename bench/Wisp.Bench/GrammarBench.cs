using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Bench;

/// <summary>
/// Microseconds a token for the mask of a grammar and for taking the token, on one core: what constrained decoding adds
/// to each step. The texts are fixed, and cut into the longest tokens.
/// </summary>
internal static class GrammarBench
{
    private const string ToolCall = """
        {"type":"object","properties":{"name":{"const":"search_flights"},"arguments":{"type":"object","properties":{
        "from":{"type":"string","pattern":"^[A-Z]{3}$"},"to":{"type":"string","pattern":"^[A-Z]{3}$"},
        "date":{"type":"string","format":"date"},"passengers":{"type":"integer","minimum":1,"maximum":9},
        "cabin":{"enum":["economy","premium","business","first"]},"note":{"type":"string","maxLength":500},
        "stops":{"type":"array","items":{"type":"string","maxLength":40},"maxItems":4}},
        "required":["from","to","date","passengers"]}},"required":["name","arguments"]}
        """;

    private const string ToolText = """
        {"name": "search_flights", "arguments": {"from": "ZRH", "to": "LIS", "date": "2026-03-14", "passengers": 2,
        "cabin": "economy", "note": "Two seats at the window, please, and a vegetarian meal for the child.",
        "stops": ["Madrid", "Barcelona"]}}
        """;

    private const string JsonExample = """
        {"id": 17, "name": "A small library", "open": true, "rooms": [{"floor": 0, "books": 1200, "topics": ["history",
        "music", "travel"]}, {"floor": 1, "books": 850, "topics": ["physics", "mathematics"]}], "address": {"street":
        "12 Hill Road", "city": "Bern", "geo": [46.948, 7.4474]}, "closed_on": null}
        """;

    public static Command Create()
    {
        var command = new Command("grammar", "What a grammar costs a token");
        var vocabulary = new Option<string>("--vocabulary")
        {
            Description = "A GGUF file with a byte-level vocabulary of a size in use",
            DefaultValueFactory = _ => "../shared/data/tokenizers/ggml-vocab/ggml-vocab-starcoder.gguf",
        };
        var runs = new Option<int>("--runs") { Description = "Runs; minima are shown", DefaultValueFactory = _ => 15 };
        command.Add(vocabulary);
        command.Add(runs);
        command.SetAction(parse =>
        {
            Run(parse.InvocationConfiguration.Output, parse.GetRequiredValue(vocabulary), parse.GetValue(runs));
            return 0;
        });
        return command;
    }

    private static void Run(TextWriter output, string path, int runs)
    {
        using var gguf = Gguf.Open(path);
        var tokens = gguf.GetStrings("tokenizer.ggml.tokens");
        var types = gguf.GetInts("tokenizer.ggml.token_type");
        var pieces = tokens.Select((token, id) => Piece(token, types[id])).ToArray();
        var end = (int)gguf.GetUInt("tokenizer.ggml.eos_token_id");
        var clock = Stopwatch.StartNew();
        var trie = new TokenTrie(pieces, [end]);
        output.WriteLine(
            $"{pieces.Length} tokens; tree built once in {clock.Elapsed.TotalMilliseconds:f0} ms");
        output.WriteLine();
        output.WriteLine("| text | tokens | compile ms | first us | cold mean us | cold p99 us | warm median us | " +
            "warm mean us | warm p99 us |");
        output.WriteLine("|---|---|---|---|---|---|---|---|---|");

        const string Sentence = "The quick brown fox jumps over the lazy dog, and then it rests. ";
        var prose = string.Concat(Enumerable.Repeat(Sentence, 40));
        foreach (var (name, compile, text) in new (string, Func<CompiledGrammar>, string)[]
        {
            ("tool call (JSON Schema)", () => JsonSchema.Compile(ToolCall), ToolText.Replace("\n", "")),
            ("any JSON object", JsonSchema.AnyObject, JsonExample.Replace("\n", "")),
            ("free text in a string", () => JsonSchema.Compile("""{"type":"string"}"""), $"\"{prose}\""),
            ("the same, maxLength 5000", () => JsonSchema.Compile("""{"type":"string","maxLength":5000}"""),
                $"\"{prose}\""),
        })
            output.WriteLine(Row(name, compile, trie, Encode(pieces, text), runs));
    }

    private static byte[] Piece(string token, int type)
    {
        var bytes = new byte[3 * token.Length];
        return type == (int)TokenType.Normal && ByteText.TryDecode(bytes, token) ? bytes[..token.Length] : [];
    }

    private static int[] Encode(byte[][] pieces, string text)
    {
        var idOf = pieces.Select((piece, id) => (Text: Encoding.Latin1.GetString(piece), Id: id))
            .Where(p => p.Text.Length > 0).DistinctBy(p => p.Text).ToDictionary(p => p.Text, p => p.Id);
        var ids = new List<int>();
        for (var at = 0; at < text.Length;)
        {
            var length = Math.Min(20, text.Length - at);
            while (!idOf.ContainsKey(text.Substring(at, length)))
                length--;
            ids.Add(idOf[text.Substring(at, length)]);
            at += length;
        }

        return [.. ids];
    }

    // Minima over the runs, token by token: other programs on the machine only ever add.
    private static string Row(string name, Func<CompiledGrammar> compile, TokenTrie trie, int[] ids, int runs)
    {
        var cold = new double[ids.Length];
        var warm = new double[ids.Length];
        Array.Fill(cold, double.MaxValue);
        Array.Fill(warm, double.MaxValue);
        var compileMs = double.MaxValue;
        for (var run = 0; run < runs; run++)
        {
            var clock = Stopwatch.StartNew();
            var mask = new TokenMask(compile(), trie);
            compileMs = Math.Min(compileMs, clock.Elapsed.TotalMilliseconds);
            Measure(cold);
            for (var again = 0; again < 3; again++)
                Measure(warm);

            void Measure(double[] best)
            {
                var allowed = new ulong[mask.Words];
                var state = mask.Start;
                for (var i = 0; i < ids.Length; i++)
                {
                    var begin = Stopwatch.GetTimestamp();
                    mask.Fill(allowed, state);
                    state = mask.Accept(state, ids[i]);
                    best[i] = Math.Min(best[i], Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
                }
            }
        }

        return $"| {name} | {ids.Length} | {compileMs:f2} | {cold[0]:f0} | {cold.Average():f1} | " +
            $"{Quantile(cold, 0.99):f0} | {Quantile(warm, 0.5):f2} | {warm.Average():f2} | " +
            $"{Quantile(warm, 0.99):f2} |";
    }

    private static double Quantile(double[] values, double q) =>
        values.Order().ElementAt(Math.Min(values.Length - 1, (int)(q * values.Length)));
}
