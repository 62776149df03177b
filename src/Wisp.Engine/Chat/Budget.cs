using System.Runtime.CompilerServices;

namespace Wisp.Chat;

/// <summary>
/// What one rendering may still spend. Templates come with downloaded models, so whatever one does is paid for before
/// it is done: time, memory and output are bounded together by one number of units.
/// </summary>
/// <remarks>
/// A unit is about one character written or looked at: 2 bytes of memory at most. The prices below keep that true of
/// everything else, so the bytes a template can hold stay near 4 for each unit.
/// </remarks>
internal sealed class Budget(long units)
{
    /// <summary>
    /// What a template may spend whatever its input: 2^26 units are 16 million steps, about a second, or a text of 67
    /// million characters. The dearest of the 55 templates of our golden files spends under 2^16 on their messages.
    /// </summary>
    public const long Basic = 1L << 26;

    /// <summary>More for each character of input: some templates copy all they have written once a message.</summary>
    public const long PerCharacter = 256;

    /// <summary>Of evaluating one node of the template.</summary>
    public const int Step = 4;

    /// <summary>Of an item in a list or dict: a reference of 8 bytes and an object of 24 to 56.</summary>
    public const int Item = 16;

    /// <summary>Of a body with variables of its own: a dictionary of some 300 bytes.</summary>
    public const int Scope = 64;

    /// <summary>
    /// Deepest nesting of evaluation and of values, in calls of the evaluator. One takes 300 to 700 bytes of stack, so
    /// the deepest stays under the 1.5 MB that threads have by default. Python stops at 1,000 frames too.
    /// </summary>
    public const int MaxDepth = 1000;

    private long _left = units;
    private int _depth;

    public void Charge(long units)
    {
        if (units < 0 || (_left -= units) < 0)
            throw new TemplateException("the template does too much work: " +
                "it loops too long, or what it writes has no end in sight.");
    }

    /// <summary>
    /// One level deeper. After an exception the rendering is over, so nobody needs to unwind the count.
    /// </summary>
    public void Enter()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new TemplateException($"nested deeper than {MaxDepth} levels: a macro calls itself without end?");
    }

    public void Leave() => _depth--;
}
