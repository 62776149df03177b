using System.Text;
using Wisp.Chat.Builtins;
using Wisp.Chat.Syntax;
using Wisp.Chat.Values;

namespace Wisp.Chat;

/// <summary>One rendering of one template: runs its statements and collects what they write.</summary>
internal sealed partial class Evaluator
{
    // What a statement does to the loop around it.
    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    private readonly Scope _globals;
    private readonly Scope _top;
    private IReadOnlyDictionary<string, BlockStatement> _blocks = new Dictionary<string, BlockStatement>();
    private StringBuilder _output = new();
    private Value _blockText = NoneValue.Instance;
    private int _line;

    /// <param name="now">What strftime_now tells.</param>
    public Evaluator(Budget budget, DateTimeOffset now)
    {
        (Budget, Now) = (budget, now);
        Comparer = new ValueComparer(budget);
        Random = new Compute.SplitMix64((ulong)now.Ticks);
        _globals = new Scope(null);
        _top = new Scope(_globals);
        foreach (var (name, function) in Globals.All)
            _globals.Set(name, Function(name, function));
    }

    public Budget Budget { get; }

    public DateTimeOffset Now { get; }

    public ValueComparer Comparer { get; }

    /// <summary>For the filter random: seeded by the clock, so the same time gives the same text.</summary>
    public Compute.SplitMix64 Random;

    /// <summary>A variable given from outside.</summary>
    public void Define(string name, Value value) => _globals.Set(name, value);

    /// <summary>Runs the whole template. An evaluator runs once.</summary>
    public string Render(Template template)
    {
        try
        {
            _blocks = template.Blocks;
            Run(template.Body, _top);
            return _output.ToString();
        }
        catch (TemplateException e)
        {
            throw e.At(_line);
        }
    }

    /// <summary>A function of ours as a value.</summary>
    public FunctionValue Function(string name, Builtin function, Value? self = null) =>
        new(name, self is null ? "function" : "method", args => function(this, self ?? NoneValue.Instance, args));

    private void Write(string text)
    {
        Budget.Charge(text.Length);
        _output.Append(text);
    }

    private Flow Run(List<Statement> body, Scope scope)
    {
        Budget.Enter();
        var flow = Flow.Next;
        foreach (var statement in body)
            if ((flow = Run(statement, scope)) != Flow.Next)
                break;
        Budget.Leave();
        return flow;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        Budget.Charge(Budget.Step);
        _line = statement.Line;
        switch (statement)
        {
            case TextStatement text:
                Write(text.Text);
                break;
            case OutputStatement output:
                Write(Printer.Text(Evaluate(output.Value, scope), Budget));
                break;
            case IfStatement branches:
                foreach (var (test, body) in branches.Branches)
                    if (test is null || Evaluate(test, scope).IsTrue)
                        return Run(body, scope);
                break;
            case ForStatement loop:
                For(loop, Evaluate(loop.Items, scope), scope, 0);
                break;
            case SetStatement set:
                Assign(set.Target, Evaluate(set.Value, scope), scope);
                break;
            case SetBlockStatement set:
                return Captured(set.Body, scope, text => Assign(set.Target, Filtered(set.Filter, text, scope), scope));
            case FilterStatement filter:
                return Captured(filter.Body, scope,
                    text => Write(Printer.Text(Filtered(filter.Filter, text, scope), Budget)));
            case WithStatement with:
                var inner = new Scope(scope);
                foreach (var (target, value) in with.Values)
                    Assign(target, Evaluate(value, scope), inner);
                return Run(with.Body, inner);
            case MacroStatement macro:
                scope.Set(macro.Macro.Name, Macro(macro.Macro, scope));
                break;
            case CallStatement call:
                var caller = Macro(call.Caller, scope);
                Write(Printer.Text(Call(call.Call, scope, caller), Budget));
                break;
            case BlockStatement block:
                Run(block.Body, new Scope(block.Scoped ? scope : _top));
                break;
            case ScopeStatement body:
                return Run(body.Body, new Scope(scope));
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
        }

        return Flow.Next;
    }

    // What a body writes, in a scope of its own, goes to a function, unless a loop around is left on the way.
    private Flow Captured(List<Statement> body, Scope scope, Action<string> then)
    {
        var flow = Flow.Next;
        var text = Capture(() => flow = Run(body, new Scope(scope)));
        if (flow == Flow.Next)
            then(text);
        return flow;
    }

    private string Capture(Action run)
    {
        Budget.Charge(Budget.Scope);
        var outer = _output;
        _output = new StringBuilder();
        run();
        var text = _output.ToString();
        _output = outer;
        return text;
    }

    private Value Filtered(Expression filter, string text, Scope scope)
    {
        _blockText = text;
        return Evaluate(filter, scope);
    }

    private void For(ForStatement loop, Value items, Scope scope, int depth)
    {
        var source = Sequences.Each(items, Budget);
        if (loop.Test is not null)
            source = Passing(loop, source, scope);
        var state = new LoopValue(source, loop.Test is null ? Sequences.Count(items) : null, depth, Comparer, Budget,
            loop.Recursive ? arguments => Recurse(loop, arguments, scope, depth + 1) : null);
        var ran = false;
        while (state.Next(out var item))
        {
            Budget.Charge(Budget.Scope);
            var inner = new Scope(scope);
            inner.Set("loop", state);
            _line = loop.Line;
            Assign(loop.Target, item, inner);
            var flow = Run(loop.Body, inner);
            // As in Jinja: where every round ends early, by break or continue, the else part runs too.
            ran |= flow == Flow.Next;
            if (flow == Flow.Break)
                break;
        }

        if (!ran && loop.Else is not null)
            Run(loop.Else, new Scope(scope));
    }

    // The items for which the test of a loop holds; it sees the item, and the loop around instead of this one.
    private IEnumerable<Value> Passing(ForStatement loop, IEnumerable<Value> items, Scope scope)
    {
        foreach (var item in items)
        {
            Budget.Charge(Budget.Scope);
            var inner = new Scope(scope);
            Assign(loop.Target, item, inner);
            if (Evaluate(loop.Test!, inner).IsTrue)
                yield return item;
        }
    }

    private Value Recurse(ForStatement loop, Arguments arguments, Scope scope, int depth)
    {
        var items = arguments.Bind(1, "iterable")[0]!;
        Budget.Enter();
        var text = Capture(() => For(loop, items, scope, depth));
        Budget.Leave();
        return text;
    }

    private void Assign(Expression target, Value value, Scope scope)
    {
        switch (target)
        {
            case NameExpression name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget { Name: var name } attribute:
                if (Lookup(name, scope) is not NamespaceValue names)
                    throw new TemplateException(
                        $"attribute '{attribute.Attribute}' cannot be set: '{name}' is no namespace.");
                Budget.Charge(Budget.Item);
                names.Attributes[attribute.Attribute] = value;
                break;
            case TupleExpression tuple:
                var items = new List<Value>();
                foreach (var item in Sequences.Each(value, Budget))
                {
                    items.Add(item);
                    if (items.Count > tuple.Items.Count)
                        break;
                }

                if (items.Count != tuple.Items.Count)
                    throw new TemplateException($"{tuple.Items.Count} names, but " +
                        $"{(items.Count < tuple.Items.Count ? $"only {items.Count}" : "more")} values to unpack.");
                for (var i = 0; i < items.Count; i++)
                    Assign(tuple.Items[i], items[i], scope);
                break;
        }
    }

    private FunctionValue Macro(Routine routine, Scope scope) =>
        new(routine.Name, "Macro", arguments => Call(routine, arguments, scope), name => name switch
        {
            "name" => routine.Name,
            "arguments" => new TupleValue([.. routine.Parameters.Select(p => (Value)p.Name)]),
            "catch_kwargs" => routine.TakesNamed,
            "catch_varargs" => routine.TakesPositional,
            "caller" => routine.TakesCaller,
            _ => null,
        });

    private Value Call(Routine routine, Arguments arguments, Scope scope)
    {
        Budget.Enter();
        Budget.Charge(2 * Budget.Scope + (arguments.Positional.Count + arguments.Named.Count) * Budget.Item);
        var inner = new Scope(scope);
        var parameters = routine.Parameters;
        var named = new DictValue(Comparer);
        foreach (var (name, value) in arguments.Named)
            named.Set(name, value);
        var line = _line;
        for (var i = 0; i < parameters.Count; i++)
        {
            var (name, otherwise) = parameters[i];
            Value? value = null;
            if (i < arguments.Positional.Count)
                value = arguments.Positional[i];
            else if (named.Find(name) is { } given)
            {
                value = given;
                named.Items.Remove(name);
            }

            inner.Set(name, value ?? (otherwise is not null ? Evaluate(otherwise, inner)
                : new UndefinedValue($"parameter '{name}' was not provided.")));
        }

        _line = line;
        if (routine.TakesCaller && !parameters.Exists(p => p.Name == "caller"))
        {
            inner.Set("caller", named.Find("caller") is { } caller and not NoneValue
                ? caller : new UndefinedValue("no caller is defined."));
            named.Items.Remove("caller");
        }

        if (routine.TakesNamed)
            inner.Set("kwargs", named);
        else if (named.Items.Count > 0)
            throw new TemplateException(
                $"macro '{routine.Name}' has no argument '{Printer.Text(named.Items.GetAt(0).Key, Budget)}'.");
        if (routine.TakesPositional)
            inner.Set("varargs", new TupleValue([.. arguments.Positional.Skip(parameters.Count)]));
        else if (arguments.Positional.Count > parameters.Count)
            throw new TemplateException($"macro '{routine.Name}' takes at most {parameters.Count} arguments, " +
                $"and there are {arguments.Positional.Count}.");

        var text = Capture(() => Run(routine.Body, inner));
        Budget.Leave();
        return text;
    }
}
