namespace Wisp.Grammar;

/// <summary>
/// Leads one text along a grammar: given the tokens written so far, the mask of those that may come next. It is what
/// generation asks before every token; each token is read once.
/// </summary>
public sealed class GrammarGuide(TokenMask mask)
{
    private readonly ulong[] _allowed = new ulong[mask.Words];
    private GrammarState _state = mask.Start;
    private int _read;

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd => _state.CanEnd;

    /// <param name="written">All tokens of the text, which only grows from call to call.</param>
    /// <returns>Valid until the next call.</returns>
    /// <exception cref="InvalidOperationException">No token may come next.</exception>
    public ReadOnlyMemory<ulong> Allowed(IReadOnlyList<int> written)
    {
        for (; _read < written.Count; _read++)
            _state = mask.Accept(_state, written[_read]);
        mask.Fill(_allowed, _state);
        return _allowed;
    }
}
