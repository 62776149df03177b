using System.Globalization;
using System.Numerics;
using Wisp.Chat.Values;

namespace Wisp.Chat.Syntax;

/// <summary>Expressions, from the loosest binding to the tightest: one method for each level of precedence.</summary>
internal sealed partial class Parser
{
    private Expression Expression(bool conditions = true)
    {
        Enter();
        var value = conditions ? Condition() : Or();
        _depth--;
        return value;
    }

    private Expression Condition()
    {
        var branch = _branch;
        var known = _unknown.Count;
        var value = Or();
        while (Current.IsName("if"))
        {
            // All three parts may never be reached, so what is unknown in them is refused when it is.
            _branch = true;
            _unknown.RemoveRange(known, _unknown.Count - known);
            var line = Next().Line;
            var test = Or();
            Expression? otherwise = null;
            if (SkipName("else"))
            {
                Enter();
                otherwise = Condition();
                _depth--;
            }

            value = new ConditionExpression(line, test, value, otherwise);
        }

        _branch = branch;
        return value;
    }

    private Expression Or()
    {
        var left = And();
        while (Current.IsName("or"))
        {
            var line = Next().Line;
            left = new OrExpression(line, left, And());
        }

        return left;
    }

    private Expression And()
    {
        var left = Not();
        while (Current.IsName("and"))
        {
            var line = Next().Line;
            left = new AndExpression(line, left, Not());
        }

        return left;
    }

    private Expression Not()
    {
        if (!Current.IsName("not"))
            return Comparison();
        var line = Next().Line;
        Enter();
        var operand = Not();
        _depth--;
        return new NotExpression(line, operand);
    }

    private Expression Comparison()
    {
        var line = Current.Line;
        var first = Sum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Current.Value is "==" or "!=" or "<" or "<=" or ">" or ">=")
                rest.Add((Next().Value, Sum()));
            else if (SkipName("in"))
                rest.Add(("in", Sum()));
            else if (Current.IsName("not") && Ahead.IsName("in"))
            {
                Next();
                Next();
                rest.Add(("not in", Sum()));
            }
            else
                return rest.Count == 0 ? first : new ComparisonExpression(line, first, rest);
        }
    }

    private Expression Sum()
    {
        var left = Concat();
        while (Current.Is("+") || Current.Is("-"))
        {
            var op = Next();
            left = new ArithmeticExpression(op.Line, op.Value, left, Concat());
        }

        return left;
    }

    private Expression Concat()
    {
        var line = Current.Line;
        var first = Product();
        if (!Current.Is("~"))
            return first;
        var parts = new List<Expression> { first };
        while (Skip("~"))
            parts.Add(Product());
        return new ConcatExpression(line, parts);
    }

    private Expression Product()
    {
        var left = Power();
        while (Current.Kind == TokenKind.Operator && Current.Value is "*" or "/" or "//" or "%")
        {
            var op = Next();
            left = new ArithmeticExpression(op.Line, op.Value, left, Power());
        }

        return left;
    }

    // Binds to the left, other than in Python: 2 ** 3 ** 2 is 64.
    private Expression Power()
    {
        var left = Unary();
        while (Current.Is("**"))
        {
            var op = Next();
            left = new ArithmeticExpression(op.Line, op.Value, left, Unary());
        }

        return left;
    }

    private Expression Unary(bool filters = true)
    {
        Enter();
        Expression value;
        if (Current.Is("-") || Current.Is("+"))
        {
            var op = Next();
            value = new SignExpression(op.Line, op.Value == "-", Unary(filters: false));
        }
        else
            value = Primary();

        value = Postfix(value);
        if (filters)
            value = FiltersAndTests(value);
        _depth--;
        return value;
    }

    private Expression Primary(bool namespaces = false)
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Next();
                return Name(token, namespaces);
            case TokenKind.String:
                var text = Next().Value;
                while (Current.Kind == TokenKind.String)
                    text += Next().Value; // strings side by side are one
                return new ConstantExpression(token.Line, new TextValue(text));
            case TokenKind.Integer:
                Next();
                return new ConstantExpression(token.Line, new IntValue(Integer(token)));
            case TokenKind.Float:
                Next();
                return new ConstantExpression(
                    token.Line, new FloatValue(double.Parse(token.Value, CultureInfo.InvariantCulture)));
            case TokenKind.Operator when token.Value == "(":
                Next();
                var tuple = TupleOrExpression(parentheses: true);
                Expect(")");
                return tuple;
            case TokenKind.Operator when token.Value == "[":
                Next();
                return new ListExpression(token.Line, Items("]", () => Expression()));
            case TokenKind.Operator when token.Value == "{":
                Next();
                return new DictExpression(token.Line, Items("}", () =>
                {
                    var key = Expression();
                    Expect(":");
                    return (key, Expression());
                }));
            default:
                throw Fault($"expected a value, found {token.Description}.");
        }
    }

    private Expression Name(Token token, bool namespaces)
    {
        switch (token.Value)
        {
            case "true" or "True":
                return new ConstantExpression(token.Line, BoolValue.True);
            case "false" or "False":
                return new ConstantExpression(token.Line, BoolValue.False);
            case "none" or "None":
                return new ConstantExpression(token.Line, NoneValue.Instance);
        }

        if (char.IsDigit(token.Value[0]))
            throw Fault($"'{token.Value}' is no name.", token.Line);
        if (namespaces && Skip("."))
            return new NamespaceTarget(token.Line, token.Value, Expect(TokenKind.Name).Value);
        foreach (var routine in _routines)
        {
            routine.TakesPositional |= token.Value == "varargs";
            routine.TakesNamed |= token.Value == "kwargs";
            routine.TakesCaller |= token.Value == "caller";
        }

        return new NameExpression(token.Line, token.Value);
    }

    private BigInteger Integer(Token token)
    {
        var digits = token.Value;
        var radix = digits.Length < 3 ? 10 : digits[1] switch
        {
            'x' or 'X' => 16,
            'o' or 'O' => 8,
            'b' or 'B' => 2,
            _ => 10,
        };
        return Numbers.TryParseInteger(digits, radix, out var value)
            ? value : throw Fault($"the number of {digits.Length} digits is too long.", token.Line);
    }

    private List<T> Items<T>(string end, Func<T> item)
    {
        var items = new List<T>();
        while (!Current.Is(end))
        {
            if (items.Count > 0)
                Expect(",");
            if (Current.Is(end))
                break;
            items.Add(item());
        }

        Next();
        return items;
    }

    // One value, or several with commas: a tuple. An empty one needs parentheses.
    private Expression TupleOrExpression(bool conditions = true, string? endName = null, bool parentheses = false) =>
        Tuple(() => Expression(conditions), endName, parentheses);

    private Expression Tuple(Func<Expression> item, string? endName, bool parentheses = false)
    {
        var line = Current.Line;
        var items = new List<Expression>();
        var tuple = false;
        while (!AtTupleEnd(endName))
        {
            items.Add(item());
            if (!Skip(","))
                break;
            tuple = true;
        }

        if (!tuple && items is [var only])
            return only;
        if (items.Count == 0 && !parentheses)
            throw Fault($"expected a value, found {Current.Description}.");
        return new TupleExpression(line, items);
    }

    private bool AtTupleEnd(string? endName) =>
        Current.Kind is TokenKind.OutputEnd or TokenKind.TagEnd || Current.Is(")") ||
        endName is not null && Current.IsName(endName);

    // What a value can be assigned to: a name, an attribute of a namespace, or a tuple of such.
    private Expression Target(string? endName, bool namespaces = false, bool tuple = true)
    {
        var line = Current.Line;
        var target = tuple ? Tuple(() => Primary(namespaces), endName) : Primary();
        Check(target);
        return target;

        void Check(Expression expression)
        {
            if (expression is TupleExpression several)
                several.Items.ForEach(Check);
            else if (expression is not (NameExpression or NamespaceTarget))
                throw Fault("only names can be assigned to.", line);
            else if (expression is NameExpression { Name: "loop" } && endName is not null)
                throw Fault("the variable of a loop cannot be named 'loop'.", line);
        }
    }

    private string TargetName() => Primary() is NameExpression name
        ? name.Name : throw Fault($"expected a name, found {Current.Description}.");

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (Current.Is("."))
                value = Attribute(value);
            else if (Current.Is("["))
                value = Subscript(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, Arguments());
            else
                return value;
        }
    }

    private Expression Attribute(Expression of)
    {
        var line = Next().Line;
        var name = Next();
        return name.Kind switch
        {
            TokenKind.Name => new AttributeExpression(line, of, name.Value),
            TokenKind.Integer => new ItemExpression(
                line, of, new ConstantExpression(line, new IntValue(Integer(name)))),
            _ => throw Fault($"expected a name or number after '.', found {name.Description}.", name.Line),
        };
    }

    private ItemExpression Subscript(Expression of)
    {
        var line = Next().Line;
        var indexes = new List<Expression>();
        while (!Current.Is("]"))
        {
            if (indexes.Count > 0)
                Expect(",");
            indexes.Add(Index());
        }

        Next();
        return new ItemExpression(line, of, indexes is [var only] ? only : new TupleExpression(line, indexes));
    }

    private Expression Index()
    {
        var line = Current.Line;
        var start = Current.Is(":") ? null : Expression();
        if (!Skip(":"))
            return start!;
        var stop = Ends() ? null : Expression();
        var step = Skip(":") && !Ends() ? Expression() : null;
        return new SliceExpression(line, start, stop, step);

        bool Ends() => Current.Is(":") || Current.Is("]") || Current.Is(",");
    }

    private ArgumentList Arguments()
    {
        var line = Expect("(").Line;
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? star = null, starStar = null;
        for (var first = true; !Current.Is(")"); first = false)
        {
            if (!first)
                Expect(",");
            if (Current.Is(")"))
                break;
            if (Current.Is("*") && star is null && starStar is null)
            {
                Next();
                star = Expression();
            }
            else if (Current.Is("**") && starStar is null)
            {
                Next();
                starStar = Expression();
            }
            else if (Current.Kind == TokenKind.Name && Ahead.Is("=") && starStar is null)
            {
                var name = Next().Value;
                Next();
                if (named.Exists(n => n.Item1 == name))
                    throw Fault($"argument '{name}' stands twice.", line);
                named.Add((name, Expression()));
            }
            else if (star is null && starStar is null && named.Count == 0)
                positional.Add(Expression());
            else
                throw Fault("arguments come in the order: by position, by name, *, **.", line);
        }

        Next();
        return new ArgumentList(positional, named, star, starStar);
    }

    private Expression FiltersAndTests(Expression value)
    {
        while (true)
        {
            if (Current.Is("|"))
                value = Filters(value);
            else if (Current.IsName("is"))
                value = Test(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, Arguments());
            else
                return value;
        }
    }

    private Expression Filters(Expression input)
    {
        while (Skip("|"))
            input = Filter(input, chain: false);
        return input;
    }

    // A filter that begins without a bar, and those that follow with one.
    private Expression Filter(Expression input, bool chain = true)
    {
        var line = Current.Line;
        var name = DottedName();
        if (!_branch && !_isFilter(name))
            _unknown.Add(Fault($"filter '{name}' is unknown.", line));
        input = new FilterExpression(line, input, name, Current.Is("(") ? Arguments() : ArgumentList.Empty);
        return chain ? Filters(input) : input;
    }

    private string DottedName()
    {
        var name = Expect(TokenKind.Name).Value;
        while (Skip("."))
            name += "." + Expect(TokenKind.Name).Value;
        return name;
    }

    private Expression Test(Expression input)
    {
        var line = Next().Line;
        var negated = SkipName("not");
        var name = DottedName();
        if (!_branch && !_isTest(name))
            _unknown.Add(Fault($"test '{name}' is unknown.", line));
        var arguments = ArgumentList.Empty;
        if (Current.Is("("))
            arguments = Arguments();
        else if (Current.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float &&
            Current is not { Kind: TokenKind.Name, Value: "else" or "or" or "and" } ||
            Current.Is("[") || Current.Is("{"))
        {
            if (Current.IsName("is"))
                throw Fault("tests with 'is' cannot be chained.");
            arguments = new ArgumentList([Postfix(Primary())], [], null, null);
        }

        Expression test = new TestExpression(line, input, name, arguments);
        return negated ? new NotExpression(line, test) : test;
    }
}
