using Wisp.Memory;

namespace Wisp.Tests.Os.Memory;

/// <summary>A token for each word: tests of memory need no vocabulary.</summary>
internal static class WordCodec
{
    public static readonly PromptCodec Codec = new(
        (role, text) => [-1 - (int)role, .. Words(text), -9], [-3], [-9]);

    public static string Text(IEnumerable<PromptPart> prompt) => string.Join('\n', prompt.Select(part => part.Text));

    public static int[] Tokens(IEnumerable<PromptPart> prompt) =>
        [.. prompt.SelectMany(part => part.Tokens.ToArray())];

    private static IEnumerable<int> Words(string text) =>
        text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Aggregate(17, (hash, letter) => ((hash * 31) + letter) & 0xFFFFF));
}
