namespace Wisp.Run.Chain;

/// <summary>
/// DRY, "don't repeat yourself": a token that would continue a repetition loses multiplier·base^(n − allowed), where n
/// is how many tokens before it have stood in that order before. p-e-w 2024, text-generation-webui pull request 5677.
/// </summary>
/// <remarks>
/// With the window reversed, r₀ the newest token, zₖ is the longest match of rₖ rₖ₊₁ … with r₀ r₁ …; the Z algorithm
/// (Gusfield 1997, "Algorithms on Strings, Trees, and Sequences", section 1.4) finds all of them in O(window). Each k
/// is an earlier occurrence of the last zₖ tokens, and rₖ₋₁ is what followed it. A sequence breaker, such as the end of
/// a line, ends every repetition: tokens before the newest one do not count.
/// </remarks>
internal sealed class Dry(int V, SequenceBreakers breakers)
{
    // e^88.7 is the largest power of e that a float holds, so the penalty stops to grow there.
    private const float MaxLog = 88.7228391f;

    // By token, the longest repetition that it continues plus 1; all zero between calls.
    private readonly int[] _longest = new int[V];

    private int[] _matches = [];

    public void Apply(Candidates candidates, ReadOnlySpan<int> history, Sampling sampling)
    {
        var window = history[^Math.Min(history.Length, sampling.DryWindow)..];
        var allowed = sampling.DryAllowedLength;
        if (window.Length <= allowed || breakers.TokensSince(window) is var limit && limit < allowed)
            return;
        if (_matches.Length < window.Length)
            _matches = new int[Math.Max(window.Length, 2 * _matches.Length)];
        Match(_matches.AsSpan(0, window.Length), window);

        var newest = window.Length - 1;
        for (var k = 1; k < window.Length; k++)
            if (Math.Min(_matches[k], limit) is var n && n >= allowed)
                _longest[window[newest - (k - 1)]] = Math.Max(_longest[window[newest - (k - 1)]], n + 1);
        var most = sampling.DryBase > 1.000001f ? MaxLog / MathF.Log(sampling.DryBase) : float.MaxValue;
        foreach (var id in window)
        {
            if (_longest[id] == 0)
                continue;
            var excess = Math.Min(_longest[id] - 1 - allowed, most);
            candidates.Rescore(id, candidates[id] - sampling.DryMultiplier * MathF.Pow(sampling.DryBase, excess));
            _longest[id] = 0;
        }
    }

    /// <summary>z[k] for the reversed window; z[0] is left alone.</summary>
    private static void Match(Span<int> z, ReadOnlySpan<int> window)
    {
        // [left, right) is the match found so far that reaches furthest: inside it, z is known from its beginning.
        var (left, right, newest) = (0, 0, window.Length - 1);
        for (var k = 1; k < window.Length; k++)
        {
            var n = k < right ? Math.Min(right - k, z[k - left]) : 0;
            while (k + n < window.Length && window[newest - n] == window[newest - k - n])
                n++;
            z[k] = n;
            if (k + n > right)
                (left, right) = (k, k + n);
        }
    }
}
