using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Ai;

/// <summary>
/// The tokens that an answer under a grammar may go on with. Thoughts, where there may be any, come first and are free;
/// the grammar begins after them.
/// </summary>
internal sealed class AnswerMask
{
    private readonly TokenMask _mask;
    private readonly int _think, _endThink;
    private readonly ulong[] _allowed, _free, _forbidden, _last;
    private GrammarState _state;
    private int _read;
    private bool _thinking;

    /// <param name="mask">Used on the engine's thread only.</param>
    /// <param name="think">The token that begins thoughts, where the answer may begin with it; else -1.</param>
    /// <param name="thinking">Whether the prompt ends inside the thoughts.</param>
    /// <param name="forbidden">Tokens whose logit bias is -∞.</param>
    public AnswerMask(TokenMask mask, Tokenizer tokenizer, int think, bool thinking, IEnumerable<int> forbidden)
    {
        (_mask, _state, _think, _thinking) = (mask, mask.Start, think, thinking);
        _endThink = tokenizer.IdOf(ToolStyles.EndThink);
        _allowed = new ulong[mask.Words];
        _free = Bits([]);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
            _free[id >> 6] |= 1UL << id;
        foreach (var id in tokenizer.EndOfGeneration)
            _free[id >> 6] &= ~(1UL << id);
        int[] banned = [.. forbidden], ends = [.. tokenizer.EndOfGeneration.Except(banned)];
        _forbidden = Bits(banned);
        _last = Bits(ends.Length > 0 ? ends : Enumerable.Range(0, tokenizer.VocabularySize).Except(banned));
    }

    /// <summary>Why no token could follow; the answer then ended where it stood.</summary>
    public Exception? Fault { get; private set; }

    /// <param name="written">All tokens of the answer, which only grow from call to call.</param>
    /// <remarks>
    /// Throws nothing, because the engine's thread would end the other requests of the pass with it: after a fault it
    /// lets the answer end, and who reads the answer asks for the fault.
    /// </remarks>
    public ReadOnlyMemory<ulong> Allowed(IReadOnlyList<int> written)
    {
        try
        {
            Read(written);
            if (_thinking)
                _free.CopyTo(_allowed, 0);
            else
                _mask.Fill(_allowed, _state);
            if (_think >= 0 && written.Count == 0)
                _allowed[_think >> 6] |= 1UL << _think;
            var any = false;
            for (var i = 0; i < _allowed.Length; i++)
                any |= (_allowed[i] &= ~_forbidden[i]) != 0;
            if (any)
                return _allowed;
            throw new InvalidDataException("the logit bias forbids all tokens that the grammar allows here.");
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException or InvalidOperationException)
        {
            Fault = e;
            return _last;
        }
    }

    private void Read(IReadOnlyList<int> written)
    {
        for (; _read < written.Count; _read++)
        {
            var token = written[_read];
            if (_thinking)
                _thinking = token != _endThink;
            else if (_read == 0 && token == _think)
                _thinking = true;
            else
                _state = _mask.Accept(_state, token);
        }
    }

    private ulong[] Bits(IEnumerable<int> tokens)
    {
        var bits = new ulong[_mask.Words];
        foreach (var id in tokens)
            bits[id >> 6] |= 1UL << id;
        return bits;
    }
}
