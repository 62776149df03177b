using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>What a function, filter or test is called with, by position and by name.</summary>
/// <param name="function">Its name, for messages.</param>
internal sealed class Arguments(
    string function, IReadOnlyList<Value> positional, IReadOnlyList<KeyValuePair<string, Value>> named)
{
    public string Function { get; } = function;

    public IReadOnlyList<Value> Positional { get; } = positional;

    public IReadOnlyList<KeyValuePair<string, Value>> Named { get; } = named;

    public static Arguments None(string function) => new(function, [], []);

    /// <summary>The arguments in the order of the names; null for one that is not given.</summary>
    /// <param name="required">How many must be given.</param>
    public Value?[] Bind(int required, params ReadOnlySpan<string> names)
    {
        if (Positional.Count > names.Length)
            throw new TemplateException(
                $"{Function}() takes at most {names.Length} arguments, and there are {Positional.Count}.");
        var bound = new Value?[names.Length];
        for (var i = 0; i < Positional.Count; i++)
            bound[i] = Positional[i];
        foreach (var (name, value) in Named)
        {
            var at = names.IndexOf(name);
            if (at < 0)
                throw new TemplateException($"{Function}() has no argument '{name}'.");
            if (bound[at] is not null)
                throw new TemplateException($"{Function}() is given argument '{name}' twice.");
            bound[at] = value;
        }

        for (var i = 0; i < required; i++)
            if (bound[i] is null)
                throw new TemplateException($"{Function}() needs argument '{names[i]}'.");
        return bound;
    }

    /// <summary>For functions that take nothing.</summary>
    public void BindNone() => Bind(0);

    /// <summary>A whole number, cut to what an int holds: as a length or an index, more is the same.</summary>
    public int Int(Value? value, int otherwise = 0)
    {
        if (value is null)
            return otherwise;
        if (!Numbers.TryInteger(value, out var number))
            throw value is UndefinedValue u ? new TemplateException(u.Reason)
                : new TemplateException($"{Function}() needs a whole number, not '{value.TypeName}'.");
        return (int)BigInteger.Max(-int.MaxValue, BigInteger.Min(int.MaxValue, number));
    }

    public string Text(Value? value) => value switch
    {
        TextValue text => text.Text,
        UndefinedValue u => throw new TemplateException(u.Reason),
        _ => throw new TemplateException($"{Function}() needs a string, not '{value?.TypeName}'."),
    };
}
