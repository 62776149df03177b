using Wisp.Chat.Builtins;
using Wisp.Chat.Syntax;
using Wisp.Chat.Values;

namespace Wisp.Chat;

/// <summary>Values of expressions.</summary>
internal sealed partial class Evaluator
{
    private Value Evaluate(Expression expression, Scope scope)
    {
        Budget.Enter();
        Budget.Charge(Budget.Step);
        var value = ValueOf(expression, scope);
        Budget.Leave();
        return value;
    }

    private Value ValueOf(Expression expression, Scope scope)
    {
        switch (expression)
        {
            case ConstantExpression constant:
                return constant.Value;
            case NameExpression name:
                return Lookup(name.Name, scope);
            case BlockText:
                return _blockText;
            case AttributeExpression attribute:
                var owner = Evaluate(attribute.Of, scope);
                _line = attribute.Line;
                return Attribute(owner, attribute.Name);
            case ItemExpression { Index: SliceExpression slice } item:
                return Slice(item, slice, scope);
            case ItemExpression item:
                var of = Evaluate(item.Of, scope);
                var index = Evaluate(item.Index, scope);
                _line = item.Line;
                return Item(of, index);
            case CallExpression call:
                return Call(call, scope, null);
            case FilterExpression filter:
                var input = Evaluate(filter.Input, scope);
                var given = ArgumentsOf(filter.Name, filter.Arguments, scope);
                _line = filter.Line;
                return Filter(filter.Name, input, given);
            case TestExpression test:
                var tested = Evaluate(test.Input, scope);
                var with = ArgumentsOf(test.Name, test.Arguments, scope);
                _line = test.Line;
                return Test(test.Name, tested, with);
            case NotExpression not:
                return !Evaluate(not.Operand, scope).IsTrue;
            case AndExpression and:
                return Evaluate(and.Left, scope) is { IsTrue: false } no ? no : Evaluate(and.Right, scope);
            case OrExpression or:
                return Evaluate(or.Left, scope) is { IsTrue: true } yes ? yes : Evaluate(or.Right, scope);
            case ConditionExpression condition:
                return Condition(condition, scope);
            case ComparisonExpression comparison:
                return Compare(comparison, scope);
            case ArithmeticExpression arithmetic:
                var left = Evaluate(arithmetic.Left, scope);
                var right = Evaluate(arithmetic.Right, scope);
                _line = arithmetic.Line;
                return Operators.Apply(arithmetic.Operator, left, right, Budget);
            case SignExpression sign:
                return Operators.Sign(sign.Negative, Evaluate(sign.Operand, scope));
            case ConcatExpression concat:
                var text = new System.Text.StringBuilder();
                foreach (var part in concat.Parts)
                {
                    var piece = Printer.Text(Evaluate(part, scope), Budget);
                    Budget.Charge(piece.Length);
                    text.Append(piece);
                }

                return text.ToString();
            case TupleExpression tuple:
                return new TupleValue(Each(tuple.Items, scope));
            case ListExpression list:
                return new ListValue(Each(list.Items, scope));
            case DictExpression dict:
                var items = new DictValue(Comparer);
                foreach (var (key, value) in dict.Items)
                {
                    Budget.Charge(Budget.Item);
                    items.Set(Evaluate(key, scope), Evaluate(value, scope));
                }

                return items;
            default:
                throw new TemplateException("a slice stands outside of brackets.", expression.Line);
        }
    }

    private Value Lookup(string name, Scope scope)
    {
        if (scope.Find(name) is { } value)
            return value;
        return name == "self" ? Blocks() : new UndefinedValue($"'{name}' is undefined.");
    }

    // self.name() writes a block once more.
    private NamespaceValue Blocks()
    {
        var self = new NamespaceValue();
        foreach (var (name, block) in _blocks)
            self.Attributes[name] = new FunctionValue(name, "method", arguments =>
            {
                arguments.BindNone();
                return Capture(() => Run(block.Body, new Scope(_top)));
            });
        return self;
    }

    private Value[] Each(List<Expression> expressions, Scope scope)
    {
        Budget.Charge(expressions.Count * Budget.Item);
        return [.. expressions.Select(expression => Evaluate(expression, scope))];
    }

    private Value Condition(ConditionExpression condition, Scope scope)
    {
        if (Evaluate(condition.Test, scope).IsTrue)
            return Evaluate(condition.Then, scope);
        return condition.Else is not null ? Evaluate(condition.Else, scope) : new UndefinedValue(
            $"the inline if of line {condition.Line} was false and has no else.");
    }

    private Value Compare(ComparisonExpression comparison, Scope scope)
    {
        var left = Evaluate(comparison.First, scope);
        foreach (var (op, operand) in comparison.Rest)
        {
            var right = Evaluate(operand, scope);
            _line = comparison.Line;
            if (!Compare(op, left, right))
                return false;
            left = right;
        }

        return true;
    }

    public bool Compare(string op, Value a, Value b) => op switch
    {
        "==" => Comparer.Equals(a, b),
        "!=" => !Comparer.Equals(a, b),
        "in" => Sequences.Contains(b, a, Comparer, Budget),
        "not in" => !Sequences.Contains(b, a, Comparer, Budget),
        // Nothing is below, above or equal to NaN.
        _ when a is FloatValue { Number: double.NaN } || b is FloatValue { Number: double.NaN } =>
            Comparer.Compare(a, b, op) > 2,
        "<" => Comparer.Compare(a, b, op) < 0,
        "<=" => Comparer.Compare(a, b, op) <= 0,
        ">" => Comparer.Compare(a, b, op) > 0,
        _ => Comparer.Compare(a, b, op) >= 0,
    };

    private Value Slice(ItemExpression item, SliceExpression slice, Scope scope)
    {
        var of = Evaluate(item.Of, scope);
        Value Bound(Expression? bound) => bound is null ? NoneValue.Instance : Evaluate(bound, scope);
        var (start, stop, step) = (Bound(slice.Start), Bound(slice.Stop), Bound(slice.Step));
        _line = item.Line;
        // Other than a missing item, a slice of what has none is a fault.
        return Sequences.Slice(of, start, stop, step, Budget) ?? throw new TemplateException(
            of is UndefinedValue undefined ? undefined.Reason : $"'{of.TypeName}' has no slices.");
    }

    /// <summary>of.name: first what the type has by that name, then the item.</summary>
    public Value Attribute(Value of, string name)
    {
        if (of is UndefinedValue undefined)
            throw new TemplateException(undefined.Reason);
        return Methods.Find(this, of, name) ?? Sequences.Item(of, name, Budget) ?? Missing(of, name);
    }

    /// <summary>of[index]: first the item, then what the type has by that name.</summary>
    public Value Item(Value of, Value index)
    {
        if (of is UndefinedValue undefined)
            throw new TemplateException(undefined.Reason);
        return Sequences.Item(of, index, Budget) ??
            (index is TextValue name ? Methods.Find(this, of, name.Text) ?? Missing(of, name.Text)
            : new UndefinedValue($"'{of.TypeName}' has no element {Printer.Repr(index, Budget)}."));
    }

    private static UndefinedValue Missing(Value of, string name) =>
        new($"'{of.TypeName}' has no attribute '{name}'.");

    private Value Call(CallExpression call, Scope scope, Value? caller)
    {
        var function = Evaluate(call.Function, scope);
        var name = call.Function switch
        {
            NameExpression n => n.Name,
            AttributeExpression a => a.Name,
            _ => "function",
        };
        var arguments = ArgumentsOf(name, call.Arguments, scope, caller);
        _line = call.Line;
        return Call(function, arguments);
    }

    private static Value Call(Value function, Arguments arguments) => function switch
    {
        FunctionValue f => f.Call(arguments),
        LoopValue loop => loop.Call(arguments),
        UndefinedValue undefined => throw new TemplateException(undefined.Reason),
        _ => throw new TemplateException($"'{arguments.Function}' is a '{function.TypeName}' and cannot be called."),
    };

    private Arguments ArgumentsOf(string function, ArgumentList list, Scope scope, Value? caller = null)
    {
        Budget.Charge(Budget.Item);
        if (ReferenceEquals(list, ArgumentList.Empty) && caller is null)
            return Arguments.None(function);
        var positional = new List<Value>(Each(list.Positional, scope));
        if (list.Star is not null)
            positional.AddRange(Sequences.List(Evaluate(list.Star, scope), Budget));
        var named = new List<KeyValuePair<string, Value>>();
        foreach (var (name, value) in list.Named)
            named.Add(new(name, Evaluate(value, scope)));
        if (list.StarStar is not null)
        {
            if (Evaluate(list.StarStar, scope) is not DictValue more)
                throw new TemplateException($"{function}() needs a dict after '**'.");
            foreach (var (key, value) in more.Items)
            {
                Budget.Charge(Budget.Item);
                var name = key is TextValue text ? text.Text
                    : throw new TemplateException($"{function}() needs strings as the keys of its '**'.");
                if (list.Named.Exists(n => n.Name == name))
                    throw new TemplateException($"{function}() is given argument '{name}' twice.");
                named.Add(new(name, value));
            }
        }

        if (caller is not null)
            named.Add(new("caller", caller));
        return new Arguments(function, positional, named);
    }

    /// <summary>input|name(arguments).</summary>
    public Value Filter(string name, Value input, Arguments arguments) => Filters.All.TryGetValue(name, out var filter)
        ? filter(this, input, arguments) : throw new TemplateException($"filter '{name}' is unknown.");

    /// <summary>input is name(arguments).</summary>
    public Value Test(string name, Value input, Arguments arguments) => Tests.All.TryGetValue(name, out var test)
        ? test(this, input, arguments) : throw new TemplateException($"test '{name}' is unknown.");
}
