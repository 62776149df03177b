namespace Wisp.Grammar;

/// <summary>
/// The states of a grammar that have been met, and the steps between them: a deterministic automaton that is built as
/// it is walked. Not for several threads at once.
/// </summary>
internal sealed class StackTable(CompiledGrammar grammar)
{
    /// <summary>
    /// Frames on top of one another. Deeper texts are not allowed. The walks over a stack recurse, with about 150 bytes
    /// for each frame, and a thread may have no more than a megabyte.
    /// </summary>
    public const int MaxDepth = 3000;

    /// <summary>Bytes of states, steps and masks that are kept before all are forgotten.</summary>
    private const long MaxBytes = 48 << 20;

    // Counts of clamped frames: a repetition whose maximum, or whose minimum, is too far off to matter.
    private const int Unending = int.MaxValue - 1, Unleavable = int.MaxValue;

    // Up to here the steps of a state are an array by atom, of 2 kB at most.
    private const int FewAtoms = 256;

    private readonly Dictionary<StackSet, StackSet> _sets = [];
    private readonly Stack<(int Place, int Count, StackSet Below, int Fresh)> _open = [];
    private readonly HashSet<(int, int, StackSet, int)> _met = new(ByReference.Instance);
    private readonly List<(long Frame, StackSet Below)> _tops = [];
    private readonly Step[] _steps = grammar.Steps;
    private readonly bool[][] _holds = AtomsOf(grammar);
    private long _bytes;

    /// <summary>No stack: the text matches nothing.</summary>
    public StackSet Dead { get; } = new([], [], canEnd: false);

    /// <summary>Only the empty stack: the text is complete.</summary>
    public StackSet End { get; } = new([], [], canEnd: true);

    private int Atoms => grammar.Boundaries.Length;

    /// <summary>The state before the first character.</summary>
    public StackSet Start()
    {
        _open.Push((grammar.Start, 0, End, 0));
        return Close();
    }

    /// <summary>The state after one character, which may be the dead one.</summary>
    public StackSet Next(StackSet set, int atom)
    {
        var memory = set.Remembered ??= new StackSet.Memory();
        if (memory.NextOfAtom is { } known && known[atom] is { } next)
            return next;
        if (memory.NextOfRareAtom is { } rare && rare.TryGetValue(atom, out next))
            return next;

        next = Follow(set, atom);
        memory = set.Remembered ??= new StackSet.Memory(); // closing may have forgotten it
        if (Atoms > FewAtoms)
        {
            (memory.NextOfRareAtom ??= [])[atom] = next;
            _bytes += 40;
            return next;
        }

        if (memory.NextOfAtom is null)
        {
            memory.NextOfAtom = new StackSet?[Atoms];
            _bytes += 8 * Atoms;
        }

        memory.NextOfAtom[atom] = next;
        return next;
    }

    // Most atoms are told apart by other places of the grammar and lead to the same state here: it is found by which of
    // the top frames take the atom.
    private StackSet Follow(StackSet set, int atom)
    {
        ulong takers = 0;
        for (var i = 0; i < set.Count; i++)
        {
            var step = _steps[set[i].Place];
            if (step.Kind != StepKind.Char || !_holds[step.Arg][atom])
                continue;
            takers |= 1UL << Math.Min(i, 63);
            _open.Push((step.Next, 0, set[i].Below, 0));
        }

        if (takers == 0)
            return Dead;
        if (set.Count > 63)
            return Close();
        var memory = set.Remembered ??= new StackSet.Memory();
        if (memory.NextOfTakers.TryGetValue(takers, out var next))
        {
            _open.Clear();
            return next;
        }

        next = Close();
        (set.Remembered ??= new StackSet.Memory()).NextOfTakers[takers] = next;
        _bytes += 40;
        return next;
    }

    /// <summary>The state after a token that a step names; <paramref name="isText"/> tells plain tokens.</summary>
    public StackSet NextOfToken(StackSet set, int token, bool isText)
    {
        for (var i = 0; i < set.Count; i++)
        {
            var (place, _, below) = set[i];
            var step = _steps[place];
            if (step.Kind == StepKind.Token && step.Arg == token
                || step.Kind == StepKind.OtherToken && step.Arg != token && isText)
                _open.Push((step.Next, 0, below, 0));
        }

        return Close();
    }

    /// <summary>Whether a character that has begun so may come next.</summary>
    public bool MayBegin(StackSet set, Utf8Partial partial)
    {
        for (var i = 0; i < set.Count; i++)
        {
            var step = _steps[set[i].Place];
            if (step.Kind == StepKind.Char && partial.MayBe(grammar.Classes[step.Arg]))
                return true;
        }

        return false;
    }

    /// <summary>The stacks of both.</summary>
    public StackSet Union(StackSet a, StackSet b)
    {
        if (ReferenceEquals(a, b) || b.IsDead)
            return a;
        if (a.IsDead)
            return b;
        var frames = new List<long>(a.Count + b.Count);
        var below = new List<StackSet>(a.Count + b.Count);
        for (int i = 0, j = 0; i < a.Count || j < b.Count;)
        {
            var order = i == a.Count ? 1 : j == b.Count ? -1 : a.Frames[i].CompareTo(b.Frames[j]);
            frames.Add(order <= 0 ? a.Frames[i] : b.Frames[j]);
            below.Add(order < 0 ? a.Below[i] : order > 0 ? b.Below[j] : Union(a.Below[i], b.Below[j]));
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        return Intern(new StackSet([.. frames], [.. below], a.CanEnd || b.CanEnd));
    }

    /// <summary>
    /// A state that allows the same tokens of at most <paramref name="reach"/> characters. A token cannot tell a
    /// repetition that has 500 to go from one that has 501, so all these share one mask.
    /// </summary>
    public StackSet Clamp(StackSet set, int reach)
    {
        if (set.Remembered?.Clamped is { } known)
            return known;
        long[]? frames = null;
        StackSet[]? below = null;
        for (var i = 0; i < set.Count; i++)
        {
            var (place, count, under) = set[i];
            var frame = StackSet.Frame(place, Clamp(_steps[place], count, reach));
            under = Clamp(under, reach);
            if (frame == set.Frames[i] && ReferenceEquals(under, set.Below[i]))
                continue;
            frames ??= set.Frames.ToArray();
            below ??= set.Below.ToArray();
            (frames[i], below[i]) = (frame, under);
        }

        var clamped = set;
        if (frames is not null)
        {
            // Two frames may have become one.
            _tops.Clear();
            for (var i = 0; i < frames.Length; i++)
                _tops.Add((frames[i], below![i]));
            clamped = Merge(set.CanEnd);
        }

        (set.Remembered ??= new StackSet.Memory()).Clamped = clamped;
        return clamped;
    }

    /// <summary>Remembers a mask with the state; the table counts its bytes.</summary>
    public void Remember(StackSet set, ulong[] allowed)
    {
        (set.Remembered ??= new StackSet.Memory()).Allowed = allowed;
        _bytes += 8 * allowed.Length;
    }

    // The count is of repetitions done when the one that runs is over. Where no token can see the minimum or the
    // maximum, the repetition runs as if there were none.
    private static int Clamp(Step step, int count, int reach)
    {
        if (step.Kind != StepKind.Count || count is 0 or Unending or Unleavable)
            return count;
        if (count < step.Min)
            return step.Min - count > reach ? Unleavable : count;
        return step.Max != Term.NoEnd && step.Max - count > reach ? Unending : count;
    }

    // Follows all open places to the steps that take something.
    private StackSet Close()
    {
        _met.Clear();
        _tops.Clear();
        var canEnd = false;
        while (_open.TryPop(out var at))
        {
            if (!_met.Add(at))
                continue;
            var (place, count, below, fresh) = at;
            var step = _steps[place];
            switch (step.Kind)
            {
                case StepKind.Split:
                    _open.Push((step.Next, 0, below, fresh));
                    _open.Push((step.Arg, 0, below, fresh));
                    break;
                case StepKind.Call when step.Next == 0:
                    // The call is the last step: the callee returns to whoever waits for this rule.
                    _open.Push((step.Arg, 0, below, fresh));
                    break;
                case StepKind.Call:
                    Enter(step.Arg, StackSet.Frame(step.Next, 0), below, fresh);
                    break;
                case StepKind.Count:
                    if (count >= step.Min && count != Unleavable)
                        _open.Push((step.Next, 0, below, fresh));
                    var more = count is Unending or Unleavable ? count
                        : step.Max == Term.NoEnd ? Math.Min(count + 1, step.Min)
                        : count + 1;
                    if (count < step.Max || more == count)
                        Enter(step.Arg, StackSet.Frame(place, more), below, fresh);
                    break;
                case StepKind.Return:
                    canEnd |= below.CanEnd;
                    for (var i = 0; i < below.Count; i++)
                    {
                        var (back, done, under) = below[i];
                        // A frame is fresh when it was put there since the last character: a repetition that comes
                        // back to it has matched nothing, and what follows is open already.
                        if (fresh == 0 || done == 0)
                            _open.Push((back, done, under, Math.Max(0, fresh - 1)));
                    }

                    break;
                default:
                    _tops.Add((StackSet.Frame(place, 0), below));
                    break;
            }
        }

        return Merge(canEnd);
    }

    private void Enter(int place, long frame, StackSet below, int fresh)
    {
        if (below.Depth < MaxDepth)
            _open.Push((place, 0, Intern(new StackSet([frame], [below], canEnd: false)), fresh + 1));
    }

    private StackSet Merge(bool canEnd)
    {
        var tops = _tops.ToArray(); // the union of two sets below needs the list no more
        Array.Sort(tops, static (a, b) => a.Frame.CompareTo(b.Frame));
        var kept = 0;
        for (var i = 0; i < tops.Length; i++)
        {
            if (kept > 0 && tops[kept - 1].Frame == tops[i].Frame)
                tops[kept - 1].Below = Union(tops[kept - 1].Below, tops[i].Below);
            else
                tops[kept++] = tops[i];
        }

        return Intern(new StackSet(
            [.. tops.Take(kept).Select(t => t.Frame)], [.. tops.Take(kept).Select(t => t.Below)], canEnd));
    }

    private StackSet Intern(StackSet set)
    {
        if (set.Count == 0)
            return set.CanEnd ? End : Dead;
        if (_sets.TryGetValue(set, out var known))
            return known;
        if (_bytes > MaxBytes)
            Forget();
        _sets.Add(set, set);
        _bytes += 200 + 16 * set.Count; // object, arrays, slot
        return set;
    }

    // States that somebody holds stay valid: they only have to find their next ones again.
    private void Forget()
    {
        foreach (var set in _sets.Keys)
            set.Remembered = null;
        _sets.Clear();
        _bytes = 0;
    }

    // For each class the atoms in it.
    private static bool[][] AtomsOf(CompiledGrammar grammar) => [.. grammar.Classes
        .Select(characters => grammar.Boundaries.Select(characters.Contains).ToArray())];

    // Sets are compared by identity here: those of one table are shared, and a hash over arrays is dear.
    private sealed class ByReference : IEqualityComparer<(int, int, StackSet, int)>
    {
        public static ByReference Instance { get; } = new();

        public bool Equals((int, int, StackSet, int) x, (int, int, StackSet, int) y) =>
            x.Item1 == y.Item1 && x.Item2 == y.Item2 && ReferenceEquals(x.Item3, y.Item3) && x.Item4 == y.Item4;

        public int GetHashCode((int, int, StackSet, int) at) =>
            HashCode.Combine(at.Item1, at.Item2, at.Item3.GetHashCode(), at.Item4);
    }
}
