using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>
/// What a template computes with. The kinds are a closed set that mirrors Python's: nothing of .NET can be reached
/// through one. Values do not change, but for streams, which are read once, and namespaces.
/// </summary>
internal abstract class Value
{
    /// <summary>Python's name of the type, for messages.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTrue => true;

    public static implicit operator Value(string text) => new TextValue(text);

    public static implicit operator Value(bool value) => value ? BoolValue.True : BoolValue.False;

    public static implicit operator Value(int value) => new IntValue(value);

    public static implicit operator Value(long value) => new IntValue(value);

    public static implicit operator Value(double value) => new FloatValue(value);
}

internal sealed class NoneValue : Value
{
    public static readonly NoneValue Instance = new();

    private NoneValue()
    {
    }

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;
}

internal sealed class BoolValue : Value
{
    public static readonly BoolValue True = new(true), False = new(false);

    private BoolValue(bool isTrue) => IsTrue = isTrue;

    public override string TypeName => "bool";

    public override bool IsTrue { get; }
}

/// <summary>A whole number of any size up to <see cref="Numbers.MaxBits"/>, as in Python.</summary>
internal sealed class IntValue(BigInteger number) : Value
{
    public BigInteger Number { get; } = number;

    public override string TypeName => "int";

    public override bool IsTrue => !Number.IsZero;
}

internal sealed class FloatValue(double number) : Value
{
    public double Number { get; } = number;

    public override string TypeName => "float";

    public override bool IsTrue => Number != 0;
}

/// <param name="safe">Marked as HTML that needs no escapes (Markup): what is joined to it is escaped.</param>
internal sealed class TextValue(string text, bool safe = false) : Value
{
    public string Text { get; } = text;

    public bool Safe { get; } = safe;

    public override string TypeName => Safe ? "Markup" : "str";

    public override bool IsTrue => Text.Length > 0;
}

/// <summary>
/// A variable, attribute or item that does not exist: prints as nothing, and most uses of it are faults.
/// </summary>
/// <param name="reason">The fault, should one come of it.</param>
internal sealed class UndefinedValue(string reason) : Value
{
    public string Reason { get; } = reason;

    public override string TypeName => "Undefined";

    public override bool IsTrue => false;
}

/// <summary>The one thing that a template can change: <c>{% set ns.name = value %}</c>.</summary>
internal sealed class NamespaceValue : Value
{
    public Dictionary<string, Value> Attributes { get; } = [];

    public override string TypeName => "Namespace";
}

/// <summary>A function of the language, of a value (bound to it), or a macro.</summary>
/// <param name="call">What it does; its arguments are all that it is given.</param>
/// <param name="attributes">What can be read of it by name, as of a macro.</param>
internal sealed class FunctionValue(
    string name, string typeName, Func<Arguments, Value> call, Func<string, Value?>? attributes = null) : Value
{
    public string Name { get; } = name;

    public override string TypeName { get; } = typeName;

    public Value Call(Arguments arguments) => call(arguments);

    public Value? Attribute(string name) => attributes?.Invoke(name);
}
