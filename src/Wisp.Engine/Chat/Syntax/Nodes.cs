using Wisp.Chat.Values;

namespace Wisp.Chat.Syntax;

internal sealed record Template(List<Statement> Body, IReadOnlyDictionary<string, BlockStatement> Blocks);

/// <summary>A piece of a template that does something.</summary>
internal abstract record Statement(int Line);

internal sealed record TextStatement(int Line, string Text) : Statement(Line);

internal sealed record OutputStatement(int Line, Expression Value) : Statement(Line);

/// <summary>Branches in order; the last one has no test where there is an else.</summary>
internal sealed record IfStatement(int Line, List<(Expression? Test, List<Statement> Body)> Branches) : Statement(Line);

internal sealed record ForStatement(int Line, Expression Target, Expression Items, Expression? Test,
    List<Statement> Body, List<Statement>? Else, bool Recursive) : Statement(Line);

internal sealed record SetStatement(int Line, Expression Target, Expression Value) : Statement(Line);

/// <summary><c>{% set x %}...{% endset %}</c>; the filter, if any, reads <see cref="BlockText"/>.</summary>
internal sealed record SetBlockStatement(int Line, Expression Target, Expression Filter, List<Statement> Body)
    : Statement(Line);

internal sealed record FilterStatement(int Line, Expression Filter, List<Statement> Body) : Statement(Line);

internal sealed record WithStatement(int Line, List<(Expression Target, Expression Value)> Values,
    List<Statement> Body) : Statement(Line);

internal sealed record MacroStatement(int Line, Routine Macro) : Statement(Line);

/// <summary>
/// <c>{% call(a) f(x) %}...{% endcall %}</c>: the body becomes the argument <c>caller</c> of the call.
/// </summary>
internal sealed record CallStatement(int Line, CallExpression Call, Routine Caller) : Statement(Line);

/// <summary>A block sees the variables of the template, not those of loops around it unless it is scoped.</summary>
internal sealed record BlockStatement(int Line, string Name, bool Scoped, List<Statement> Body) : Statement(Line);

/// <summary>Statements with variables of their own.</summary>
internal sealed record ScopeStatement(int Line, List<Statement> Body) : Statement(Line);

internal sealed record BreakStatement(int Line) : Statement(Line);

internal sealed record ContinueStatement(int Line) : Statement(Line);

/// <summary>What a macro, or the body of a call block, is made of.</summary>
internal sealed class Routine(string name, List<(string Name, Expression? Default)> parameters)
{
    public string Name { get; } = name;

    public List<(string Name, Expression? Default)> Parameters { get; } = parameters;

    public List<Statement> Body { get; set; } = [];

    /// <summary>Whether the body speaks of <c>varargs</c>: only then it takes more arguments than it names.</summary>
    public bool TakesPositional { get; set; }

    /// <summary>The same of <c>kwargs</c>.</summary>
    public bool TakesNamed { get; set; }

    /// <summary>The same of <c>caller</c>: only then a call block may call it.</summary>
    public bool TakesCaller { get; set; }
}

/// <summary>A piece of a template that has a value.</summary>
internal abstract record Expression(int Line);

internal sealed record ConstantExpression(int Line, Value Value) : Expression(Line);

internal sealed record NameExpression(int Line, string Name) : Expression(Line);

/// <summary>An attribute of a namespace, as the target of an assignment.</summary>
internal sealed record NamespaceTarget(int Line, string Name, string Attribute) : Expression(Line);

internal sealed record TupleExpression(int Line, List<Expression> Items) : Expression(Line);

internal sealed record ListExpression(int Line, List<Expression> Items) : Expression(Line);

internal sealed record DictExpression(int Line, List<(Expression Key, Expression Value)> Items) : Expression(Line);

internal sealed record AttributeExpression(int Line, Expression Of, string Name) : Expression(Line);

internal sealed record ItemExpression(int Line, Expression Of, Expression Index) : Expression(Line);

internal sealed record SliceExpression(int Line, Expression? Start, Expression? Stop, Expression? Step)
    : Expression(Line);

internal sealed record CallExpression(int Line, Expression Function, ArgumentList Arguments) : Expression(Line);

internal sealed record FilterExpression(int Line, Expression Input, string Name, ArgumentList Arguments)
    : Expression(Line);

internal sealed record TestExpression(int Line, Expression Input, string Name, ArgumentList Arguments)
    : Expression(Line);

/// <summary>The text that the body of a block produced.</summary>
internal sealed record BlockText(int Line) : Expression(Line);

internal sealed record SignExpression(int Line, bool Negative, Expression Operand) : Expression(Line);

internal sealed record ArithmeticExpression(int Line, string Operator, Expression Left, Expression Right)
    : Expression(Line);

/// <summary>a &lt; b &lt; c: every operand is evaluated once, and only until a comparison fails.</summary>
internal sealed record ComparisonExpression(
    int Line, Expression First, List<(string Operator, Expression Operand)> Rest)
    : Expression(Line);

internal sealed record ConcatExpression(int Line, List<Expression> Parts) : Expression(Line);

internal sealed record NotExpression(int Line, Expression Operand) : Expression(Line);

internal sealed record AndExpression(int Line, Expression Left, Expression Right) : Expression(Line);

internal sealed record OrExpression(int Line, Expression Left, Expression Right) : Expression(Line);

internal sealed record ConditionExpression(int Line, Expression Test, Expression Then, Expression? Else)
    : Expression(Line);

/// <param name="Star">Of <c>*items</c>.</param>
/// <param name="StarStar">Of <c>**items</c>.</param>
internal sealed record ArgumentList(List<Expression> Positional, List<(string Name, Expression Value)> Named,
    Expression? Star, Expression? StarStar)
{
    public static readonly ArgumentList Empty = new([], [], null, null);
}
