using System.CommandLine;
using System.Text;
using Wisp.Bench.Peer;
using Wisp.Model.Containers;

namespace Wisp.Bench;

/// <summary>What llama.cpp makes of a model file: its logits, its greedy continuation, its token ids.</summary>
internal static class PeerLogits
{
    private static readonly Option<string?> PeerOption =
        new("--peer") { Description = "Folder with llama.cpp's libraries (default: artifacts/peer, fetched with npm)" };
    private static readonly Option<string> ModelOption = new("-m") { Description = "A GGUF file", Required = true };

    public static Command[] Commands() => [Logits(), Greedy(), Tokens(), PeerGolden.Create(PeerOption),
        PeerModel.Create(PeerOption, ModelOption), PeerSplits.Create(PeerOption)];

    private static Command Logits()
    {
        var tokens = TokensOption();
        var output = new Option<string>("--out")
        {
            Description = "Safetensors file to write: tokens (T), logits (T, V)",
            Required = true,
        };
        var context = ContextOption();
        var command = new Command("peer-logits", "Logits of llama.cpp after every token")
        {
            ModelOption, tokens, output, context, PeerOption,
        };
        command.SetAction(result =>
        {
            var ids = Ids(result.GetRequiredValue(tokens));
            using var peer = Open(result, PeerSettings.Golden with { Context = result.GetValue(context) });
            new SafetensorsWriter().Add("tokens", [ids.Length], ids)
                .Add("logits", [ids.Length, peer.VocabularySize], peer.Logits(ids))
                .Write(result.GetRequiredValue(output));
        });
        return command;
    }

    private static Command Greedy()
    {
        var tokens = TokensOption();
        var count = new Option<int>("-n") { Description = "Tokens to write", DefaultValueFactory = _ => 16 };
        var context = ContextOption();
        var command = new Command("peer-greedy", "Argmax continuation by llama.cpp, as token ids")
        {
            ModelOption, tokens, count, context, PeerOption,
        };
        command.SetAction(result =>
        {
            using var peer = Open(result, PeerSettings.Golden with { Context = result.GetValue(context) });
            var picked = peer.Greedy(Ids(result.GetRequiredValue(tokens)), result.GetValue(count));
            Console.WriteLine(string.Join(',', picked));
        });
        return command;
    }

    private static Command Tokens()
    {
        var text = new Option<string?>("-p") { Description = "The text; without it, lines of hex on the input" };
        var special = new Option<bool>("--add-special") { Description = "Begin and end as the model's file says" };
        var parse = new Option<bool>("--parse-special") { Description = "Read the names of special tokens as tokens" };
        var command = new Command("peer-tokens", "Token ids by llama.cpp, of any bytes")
        {
            ModelOption, text, special, parse, PeerOption,
        };
        command.SetAction(result =>
        {
            using var peer = Open(result, PeerSettings.Vocabulary);
            if (result.GetValue(text) is { } given)
                Write(Encoding.UTF8.GetBytes(given));
            else
                while (Console.ReadLine() is { } line)
                    Write(Bytes(line));

            void Write(byte[] bytes) => Console.WriteLine(
                string.Join(',', peer.Tokenise(bytes, result.GetValue(special), result.GetValue(parse))));
        });
        return command;
    }

    private static LlamaCpp Open(ParseResult result, PeerSettings settings) =>
        new(LlamaNative.Load(PeerPackage.Folder(result.GetValue(PeerOption))),
            result.GetRequiredValue(ModelOption), settings);

    private static Option<string> TokensOption() =>
        new("--tokens") { Description = "Token ids with commas", Required = true };

    private static Option<int> ContextOption() =>
        new("-c") { Description = "Tokens of context", DefaultValueFactory = _ => PeerSettings.Golden.Context };

    private static int[] Ids(string list) => [.. list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(item =>
        int.TryParse(item, out var id) ? id : throw new ArgumentException($"--tokens: '{item}' is no number."))];

    private static byte[] Bytes(string line)
    {
        try
        {
            return Convert.FromHexString(line.Trim());
        }
        catch (FormatException)
        {
            throw new ArgumentException($"'{line}' is no line of hex digits.");
        }
    }
}
