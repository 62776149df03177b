namespace Wisp.Kernel.Budgets;

/// <summary>What a budget says to an amount.</summary>
public enum BudgetAnswer
{
    Granted,

    /// <summary>It crosses the mark at which a person is asked.</summary>
    Ask,

    /// <summary>It does not fit.</summary>
    Refused,
}

/// <summary>An answer and, unless it is granted, the budget that gave it.</summary>
public readonly record struct BudgetVerdict(BudgetAnswer Answer, Budget? By);

/// <summary>
/// What a subtree of processes may use. Amounts are reserved before anything is done and settled after, in this budget
/// and all above it.
/// </summary>
/// <remarks>
/// Invariant: used + reserved ≤ max, for every resource, at every instant, in every budget of the tree.
/// </remarks>
public sealed class Budget
{
    private static readonly int s_count = Enum.GetValues<Resource>().Length;

    private readonly long[] _used = new long[s_count], _reserved = new long[s_count];
    private readonly long?[] _high = new long?[s_count], _step = new long?[s_count], _max = new long?[s_count];

    /// <param name="name">What messages call it.</param>
    public Budget(string name, Budget? parent = null) => (Name, Parent) = (name, parent);

    public string Name { get; }

    public Budget? Parent { get; }

    public long Used(Resource resource) => _used[(int)resource];

    public long Reserved(Resource resource) => _reserved[(int)resource];

    public Limit LimitOf(Resource resource) => new(_high[(int)resource], _max[(int)resource]);

    /// <summary>
    /// Sets limits; what is used already stays, so a budget can be over from then on and grants nothing.
    /// </summary>
    public void Set(Resource resource, Limit limit)
    {
        if (limit.High < 0 || limit.Max < 0)
            throw new ArgumentException($"A limit of {resource} below 0 grants nothing; use 0.");
        (_high[(int)resource], _max[(int)resource]) = (limit.High, limit.Max);
        _step[(int)resource] = limit.High;
    }

    /// <summary>How much can be had before this budget or one above refuses; long.MaxValue where none has a
    /// limit.</summary>
    public long Left(Resource resource)
    {
        var left = long.MaxValue;
        for (var at = this; at is not null; at = at.Parent)
            if (at._max[(int)resource] is { } max)
                left = Math.Min(left, Math.Max(0, max - at._used[(int)resource] - at._reserved[(int)resource]));
        return left;
    }

    /// <summary>Sets an amount aside, or changes nothing.</summary>
    public BudgetVerdict TryReserve(Resource resource, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        var i = (int)resource;
        Budget? asks = null;
        for (var at = this; at is not null; at = at.Parent)
        {
            // Written so that nothing overflows.
            var taken = at._used[i] + at._reserved[i];
            if (at._max[i] is { } max && amount > max - taken)
                return new BudgetVerdict(BudgetAnswer.Refused, at);
            if (asks is null && at._high[i] is { } high && amount > high - taken)
                asks = at;
        }

        if (asks is not null)
            return new BudgetVerdict(BudgetAnswer.Ask, asks);
        for (var at = this; at is not null; at = at.Parent)
            at._reserved[i] += amount;
        return new BudgetVerdict(BudgetAnswer.Granted, null);
    }

    /// <summary>Turns what was reserved into what was used, which is no more.</summary>
    public void Settle(Resource resource, long reserved, long used)
    {
        if (used < 0 || used > reserved || reserved > _reserved[(int)resource])
            throw new ArgumentException($"{used} of {reserved} {resource} used, with {Reserved(resource)} reserved.");
        for (var at = this; at is not null; at = at.Parent)
        {
            at._reserved[(int)resource] -= reserved;
            at._used[(int)resource] += used;
        }
    }

    /// <summary>Reserves and settles at once, for what is certain to be used.</summary>
    public BudgetVerdict TryUse(Resource resource, long amount)
    {
        var verdict = TryReserve(resource, amount);
        if (verdict.Answer == BudgetAnswer.Granted)
            Settle(resource, amount, amount);
        return verdict;
    }

    /// <summary>Counts what a journal says was used: it was granted then.</summary>
    public void Count(Resource resource, long amount)
    {
        for (var at = this; at is not null; at = at.Parent)
            at._used[(int)resource] += amount;
    }

    /// <summary>Gives back what is held and not used up.</summary>
    public void Return(Resource resource, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(amount, _used[(int)resource]);
        for (var at = this; at is not null; at = at.Parent)
            at._used[(int)resource] -= amount;
    }

    /// <summary>A person agreed to an amount: a mark that it crosses moves up by its first height, or more.</summary>
    public void Raise(Resource resource, long amount)
    {
        var i = (int)resource;
        var taken = _used[i] + _reserved[i];
        if (_high[i] is { } high && amount > high - taken)
            _high[i] = Math.Max(high, taken) + Math.Max(amount, _step[i] ?? 0);
    }
}
