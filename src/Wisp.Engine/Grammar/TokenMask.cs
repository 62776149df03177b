namespace Wisp.Grammar;

/// <summary>Where a text stands in its grammar. A value: a copy is a fork.</summary>
public readonly struct GrammarState
{
    internal GrammarState(StackSet stacks, Utf8Partial begun) => (Stacks, Begun) = (stacks, begun);

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd => Stacks is { CanEnd: true } && Begun.Remaining == 0;

    internal StackSet Stacks { get; }

    /// <summary>A character of which only the first bytes have come.</summary>
    internal Utf8Partial Begun { get; }
}

/// <summary>
/// Which tokens a grammar allows after a text: a mask of the vocabulary for the sampler. The constraint is exact: a
/// token is allowed when its bytes lead to the beginning of some text of the grammar.
/// </summary>
/// <remarks>
/// The vocabulary is walked as a tree (<see cref="TokenTrie"/>) beside an automaton that is built as it is walked
/// (<see cref="StackTable"/>), and masks are kept by state, as Dong et al. 2024, "XGrammar", arXiv:2411.15100, keep
/// theirs: most of a text stands in a few states. States that no token can tell apart share a mask. What is kept is
/// bounded at 48 MB. One mask belongs to one thread at a time; any number of texts may use it in turn.
/// </remarks>
public sealed class TokenMask
{
    private readonly CompiledGrammar _grammar;
    private readonly TokenTrie _vocabulary;
    private readonly StackTable _table;
    private readonly int[] _atomOfCharacter;
    private readonly int[] _atomOfAscii;
    private readonly StackSet[] _path;

    public TokenMask(CompiledGrammar grammar, TokenTrie vocabulary)
    {
        if (grammar.HighestToken >= vocabulary.Count)
        {
            throw new ArgumentException(
                $"{grammar.Name} names token {grammar.HighestToken}; the vocabulary has {vocabulary.Count} tokens.",
                nameof(grammar));
        }

        (_grammar, _vocabulary, _table) = (grammar, vocabulary, new StackTable(grammar));
        _atomOfCharacter = [.. vocabulary.Characters.Select(grammar.AtomOf)];
        _atomOfAscii = [.. Enumerable.Range(0, 128).Select(grammar.AtomOf)];
        _path = new StackSet[vocabulary.Reach + 1];
        Start = new GrammarState(_table.Start(), default);
    }

    /// <summary>The state of the empty text.</summary>
    public GrammarState Start { get; }

    /// <summary>Words of a mask: bit i of word i / 64 is token i.</summary>
    public int Words => _vocabulary.MaskWords;

    /// <summary>Sets the bits of all tokens that may come next and clears the others.</summary>
    /// <exception cref="InvalidDataException">
    /// No token may: the vocabulary cannot spell what must come.
    /// </exception>
    public void Fill(Span<ulong> allowed, GrammarState state)
    {
        if (allowed.Length != Words)
        {
            throw new ArgumentException(
                $"The mask has {allowed.Length} words; {_vocabulary.Count} tokens need {Words}.", nameof(allowed));
        }

        if (state.Begun.Remaining > 0)
            FillInside(allowed, state);
        else
            MaskOf(state.Stacks).CopyTo(allowed);
        if (!allowed.ContainsAnyExcept(0UL))
        {
            throw new InvalidDataException(
                $"{_grammar.Name}: no token may come next. The vocabulary cannot spell what the grammar asks for " +
                "here, or the text nests too deep.");
        }
    }

    /// <summary>Whether the token may come next; if so the state after it.</summary>
    public bool TryAccept(GrammarState state, int token, out GrammarState next)
    {
        next = new GrammarState(_table.Dead, default);
        if ((uint)token >= (uint)_vocabulary.Count)
            return false;
        if (_vocabulary.IsEnd(token))
        {
            if (!MayEnd(state))
                return false;
            next = new GrammarState(_table.End, default); // only another end may follow
            return true;
        }

        var named = state.Begun.Remaining == 0
            ? _table.NextOfToken(state.Stacks, token, _vocabulary.IsText(token))
            : _table.Dead;
        if (!TryRead(state, _vocabulary.Piece(token), out next) || !_vocabulary.IsText(token))
            next = new GrammarState(named, default);
        else if (next.Begun.Remaining == 0)
            next = new GrammarState(_table.Union(next.Stacks, named), default);
        else if (!named.IsDead)
            next = new GrammarState(named, default); // one state cannot stand both inside a character and after it
        return !next.Stacks.IsDead;
    }

    /// <summary>The state after the token.</summary>
    /// <exception cref="ArgumentException">The token may not come next.</exception>
    public GrammarState Accept(GrammarState state, int token) => TryAccept(state, token, out var next)
        ? next
        : throw new ArgumentException($"{_grammar.Name} does not allow token {token} here.", nameof(token));

    private bool MayEnd(GrammarState state) => state.Stacks.CanEnd
        && (state.Begun.Remaining == 0 || _vocabulary.Lenient);

    private ulong[] MaskOf(StackSet stacks)
    {
        var same = _table.Clamp(stacks, _vocabulary.Reach);
        if (same.Remembered?.Allowed is { } known)
            return known;
        var allowed = new ulong[Words];
        Walk(allowed, same);
        AddNamed(allowed, same);
        if (same.CanEnd)
            foreach (var id in _vocabulary.Ends)
                Set(allowed, id);
        _table.Remember(same, allowed);
        return allowed;
    }

    // The tree beside the automaton.
    private void Walk(ulong[] allowed, StackSet start)
    {
        var (nodes, tokens, path) = (_vocabulary.Nodes, _vocabulary.Tokens, _path);
        path[0] = start;
        for (var at = 0; at < nodes.Length - 1;)
        {
            var node = nodes[at];
            var stacks = start;
            if (node.Depth > 0)
            {
                stacks = _table.Next(path[node.Depth - 1], _atomOfCharacter[node.Character]);
                if (stacks.IsDead)
                {
                    at = node.Skip;
                    continue;
                }

                path[node.Depth] = stacks;
            }

            for (var i = node.FirstToken; i < nodes[at + 1].FirstToken; i++)
                if (tokens[i].Partial < 0 || _table.MayBegin(stacks, _vocabulary.Partials[tokens[i].Partial]))
                    Set(allowed, tokens[i].Id);
            at++;
        }
    }

    private void AddNamed(ulong[] allowed, StackSet stacks)
    {
        for (var i = 0; i < stacks.Count; i++)
        {
            var step = _grammar.Steps[stacks[i].Place];
            if (step.Kind == StepKind.Token && !_vocabulary.IsEnd(step.Arg))
                Set(allowed, step.Arg);
            if (step.Kind != StepKind.OtherToken)
                continue;
            for (var id = 0; id < _vocabulary.Count; id++)
                if (id != step.Arg && _vocabulary.IsText(id))
                    Set(allowed, id);
        }
    }

    // After half a character only tokens that go on with it can follow; they are few and are tried one by one.
    private void FillInside(Span<ulong> allowed, GrammarState state)
    {
        allowed.Clear();
        foreach (var id in _vocabulary.BeginInside)
            if (TryRead(state, _vocabulary.Piece(id), out _))
                allowed[id >> 6] |= 1UL << id;
        if (MayEnd(state))
            foreach (var id in _vocabulary.Ends)
                allowed[id >> 6] |= 1UL << id;
    }

    private bool TryRead(GrammarState state, byte[] piece, out GrammarState next)
    {
        var (stacks, begun) = (state.Stacks, state.Begun);
        foreach (var value in piece)
        {
            if (!begun.TryPush(value, _vocabulary.Lenient, out begun))
            {
                next = default;
                return false;
            }

            if (begun.Remaining > 0)
                continue;
            stacks = _table.Next(stacks, begun.Value < 128 ? _atomOfAscii[begun.Value] : _grammar.AtomOf(begun.Value));
            begun = default;
            if (stacks.IsDead)
                break;
        }

        next = new GrammarState(stacks, begun);
        return !stacks.IsDead && (begun.Remaining == 0 || _table.MayBegin(stacks, begun));
    }

    private static void Set(ulong[] allowed, int id) => allowed[id >> 6] |= 1UL << id;
}
