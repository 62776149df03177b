using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Ai;

/// <summary>
/// The grammars used last with what they have learned of the vocabulary: a mask costs the more the newer it is. Masks
/// are made here and used on the engine's one thread, so requests at the same time may share one.
/// </summary>
internal sealed class MaskCache(Tokenizer tokenizer)
{
    // Each keeps up to 48 MB.
    private const int Kept = 4;

    private readonly Lazy<TokenTrie> _vocabulary = new(() => TrieOf(tokenizer));
    private readonly List<(string Key, TokenMask Mask)> _masks = []; // the one used last at the end; guarded by itself

    /// <param name="key">The same for the same grammar.</param>
    public TokenMask Of(string key, Func<CompiledGrammar> compile)
    {
        lock (_masks)
        {
            var at = _masks.FindIndex(entry => entry.Key == key);
            var found = at < 0 ? (key, new TokenMask(compile(), _vocabulary.Value)) : _masks[at];
            if (at >= 0)
                _masks.RemoveAt(at);
            else if (_masks.Count == Kept)
                _masks.RemoveAt(0);
            _masks.Add(found);
            return found.Item2;
        }
    }

    // Special tokens match no text; those that end a generation end the answer.
    private static TokenTrie TrieOf(Tokenizer tokenizer) => new(
        [.. Enumerable.Range(0, tokenizer.VocabularySize)
            .Select(id => tokenizer.IsSpecial(id) ? [] : tokenizer.BytesOf(id).ToArray())],
        tokenizer.EndOfGeneration);
}
