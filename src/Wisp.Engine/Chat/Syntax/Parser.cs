using System.Runtime.CompilerServices;

namespace Wisp.Chat.Syntax;

/// <summary>
/// Tokens to statements. The grammar is that of Jinja 3.1 with its loop controls and the tag generation.
/// </summary>
internal sealed partial class Parser
{
    /// <summary>Sixty times the longest template in use.</summary>
    public const int MaxLength = 1 << 20;

    // Python, which runs Jinja's templates elsewhere, stops at 200 nested parentheses.
    private const int MaxDepth = 200;

    private readonly List<Token> _tokens;
    private readonly Func<string, bool> _isFilter, _isTest;
    private readonly List<(string Tag, int Line)> _open = [];
    private readonly Stack<Routine> _routines = [];
    private readonly Dictionary<string, BlockStatement> _blocks = [];
    private readonly List<TemplateException> _unknown = []; // filters and tests, outside of branches
    private int _at;
    private int _depth;
    private int _loops; // around this place, within the same routine
    private bool _branch; // within an if: what is unknown there is refused when it is reached

    private Parser(string source, Func<string, bool> isFilter, Func<string, bool> isTest)
    {
        _tokens = Lexer.Read(source);
        (_isFilter, _isTest) = (isFilter, isTest);
    }

    /// <param name="isFilter">Whether a filter of this name exists.</param>
    /// <param name="isTest">Whether a test of this name exists.</param>
    public static Template Parse(string source, Func<string, bool> isFilter, Func<string, bool> isTest)
    {
        if (source.Length > MaxLength)
            throw new TemplateException(
                $"the template has {source.Length:n0} characters; the limit is {MaxLength:n0}.");
        var parser = new Parser(source, isFilter, isTest);
        var statements = parser.Statements([]);
        return parser._unknown is [var first, ..] ? throw first : new Template(statements, parser._blocks);
    }

    private Token Current => _tokens[_at];

    private Token Ahead => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    private Token Next()
    {
        var token = _tokens[_at];
        if (_at < _tokens.Count - 1)
            _at++;
        return token;
    }

    private bool Skip(string op)
    {
        if (!Current.Is(op))
            return false;
        Next();
        return true;
    }

    private bool SkipName(string name)
    {
        if (!Current.IsName(name))
            return false;
        Next();
        return true;
    }

    private TemplateException Fault(string message, int line = 0) => new(message, line > 0 ? line : Current.Line);

    private Token Expect(string op) =>
        Current.Is(op) ? Next() : throw Fault($"expected '{op}', found {Current.Description}.");

    private Token Expect(TokenKind kind) => Current.Kind == kind ? Next() : throw Fault(
        $"expected {new Token(0, kind, "").Description.Replace("''", "a name")}, found {Current.Description}.");

    private void Enter()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Fault($"nested deeper than {MaxDepth} levels.");
    }

    // Up to one of the tags, whose name is left as the current token; to the end of the template where there are none.
    private List<Statement> Statements(string[] ends)
    {
        Enter();
        var body = new List<Statement>();
        while (true)
        {
            var token = Next();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    body.Add(new TextStatement(token.Line, token.Value));
                    break;
                case TokenKind.OutputBegin:
                    body.Add(new OutputStatement(token.Line, TupleOrExpression()));
                    Expect(TokenKind.OutputEnd);
                    break;
                case TokenKind.TagBegin:
                    if (Current.Kind == TokenKind.Name && ends.Contains(Current.Value))
                    {
                        _depth--;
                        return body;
                    }

                    body.Add(Tag());
                    Expect(TokenKind.TagEnd);
                    break;
                default:
                    if (_open.Count > 0)
                        throw Fault($"tag '{_open[^1].Tag}' of line {_open[^1].Line} has no " +
                            $"{string.Join(" or ", ends.Select(end => $"'{end}'"))}.");
                    _depth--;
                    return body;
            }
        }
    }

    // The rest of a tag, then what stands up to one of the ends, which is taken with its name.
    private List<Statement> Body(out string end, params string[] ends)
    {
        Skip(":");
        Expect(TokenKind.TagEnd);
        var body = Statements(ends);
        end = Next().Value;
        return body;
    }

    private Statement Tag()
    {
        var name = Current;
        if (name.Kind != TokenKind.Name)
            throw Fault($"expected the name of a tag, found {name.Description}.");
        Next();
        _open.Add((name.Value, name.Line));
        Statement statement = name.Value switch
        {
            "if" => If(name.Line),
            "for" => For(name.Line),
            "set" => Set(name.Line),
            "macro" => Macro(name.Line),
            "call" => CallBlock(name.Line),
            "filter" => Hard(() => new FilterStatement(
                name.Line, Filter(new BlockText(name.Line)), Body(out _, "endfilter"))),
            "with" => Hard(() => With(name.Line)),
            "block" => Block(name.Line),
            // Marks what the assistant says, for training on it; the text is the same.
            "generation" => Routine(() => new ScopeStatement(name.Line, Body(out _, "endgeneration"))),
            "autoescape" => Hard(() => Autoescape(name.Line)),
            "print" => Print(name.Line),
            "break" or "continue" when _loops == 0 => throw Fault(
                $"'{name.Value}' stands outside of a loop.", name.Line),
            "break" => new BreakStatement(name.Line),
            "continue" => new ContinueStatement(name.Line),
            "extends" or "include" or "import" or "from" => throw Fault(
                $"tag '{name.Value}' needs other templates, and a chat template stands alone.", name.Line),
            _ => throw Fault(UnknownTag(name.Value), name.Line),
        };
        _open.RemoveAt(_open.Count - 1);
        return statement;
    }

    // {% print a, b %} writes one after the other, where {{ a, b }} is a tuple.
    private OutputStatement Print(int line)
    {
        var parts = new List<Expression> { Expression() };
        while (Skip(","))
            parts.Add(Expression());
        return new OutputStatement(line, parts is [var only] ? only : new ConcatExpression(line, parts));
    }

    private string UnknownTag(string name)
    {
        _open.RemoveAt(_open.Count - 1);
        var closes = name.StartsWith("end", StringComparison.Ordinal) || name is "else" or "elif";
        return (closes, _open) switch
        {
            (true, []) => $"tag '{name}' closes nothing.",
            (true, _) => $"tag '{name}' does not fit: tag '{_open[^1].Tag}' of line {_open[^1].Line} is open.",
            _ => $"tag '{name}' is unknown.",
        };
    }

    // Scopes of their own, whatever branch they stand in, are checked as a whole at once.
    private T Hard<T>(Func<T> parse)
    {
        var branch = _branch;
        _branch = false;
        var result = parse();
        _branch = branch;
        return result;
    }

    // A body that runs elsewhere: loops around it are not around what it does.
    private T Routine<T>(Func<T> parse)
    {
        var loops = _loops;
        _loops = 0;
        var result = Hard(parse);
        _loops = loops;
        return result;
    }

    private IfStatement If(int line)
    {
        var branch = _branch;
        _branch = true;
        var branches = new List<(Expression?, List<Statement>)>();
        for (var end = "elif"; end != "endif";)
        {
            var test = end == "elif" ? TupleOrExpression(conditions: false) : null;
            branches.Add((test, test is null ? Body(out end, "endif") : Body(out end, "elif", "else", "endif")));
        }

        _branch = branch;
        return new IfStatement(line, branches);
    }

    private ForStatement For(int line) => Hard(() =>
    {
        var target = Target("in");
        if (!SkipName("in"))
            throw Fault($"expected 'in', found {Current.Description}.");
        var items = TupleOrExpression(conditions: false, "recursive");
        var test = SkipName("if") ? Expression() : null;
        var recursive = SkipName("recursive");
        _loops++;
        var body = Body(out var end, "endfor", "else");
        _loops--;
        return new ForStatement(
            line, target, items, test, body, end == "else" ? Body(out _, "endfor") : null, recursive);
    });

    private Statement Set(int line)
    {
        var target = Target(null, namespaces: true);
        if (Skip("="))
            return new SetStatement(line, target, TupleOrExpression());
        return Hard(() =>
        {
            Expression filter = new BlockText(line);
            if (Current.Is("|"))
                filter = Filters(filter);
            return new SetBlockStatement(line, target, filter, Body(out _, "endset"));
        });
    }

    private WithStatement With(int line)
    {
        var values = new List<(Expression, Expression)>();
        while (Current.Kind is not (TokenKind.TagEnd or TokenKind.End) && !Current.Is(":"))
        {
            if (values.Count > 0)
                Expect(",");
            var target = Target(null, tuple: false);
            Expect("=");
            values.Add((target, Expression()));
        }

        return new WithStatement(line, values, Body(out _, "endwith"));
    }

    private MacroStatement Macro(int line)
    {
        var name = TargetName();
        return new MacroStatement(line, Routine(() => RoutineOf(name, Parameters(), "endmacro")));
    }

    private Routine RoutineOf(string name, List<(string, Expression?)> parameters, string end)
    {
        var routine = new Routine(name, parameters);
        _routines.Push(routine);
        routine.Body = Body(out _, end);
        _routines.Pop();
        return routine;
    }

    private List<(string, Expression?)> Parameters()
    {
        var parameters = new List<(string, Expression?)>();
        Expect("(");
        while (!Current.Is(")"))
        {
            if (parameters.Count > 0)
                Expect(",");
            var name = TargetName();
            if (parameters.Exists(p => p.Item1 == name))
                throw Fault($"two parameters are named '{name}'.");
            var value = Skip("=") ? Expression() : null;
            if (value is null && parameters.Exists(p => p.Item2 is not null))
                throw Fault($"parameter '{name}' without a default follows one with a default.");
            parameters.Add((name, value));
        }

        Next();
        return parameters;
    }

    private CallStatement CallBlock(int line)
    {
        var parameters = Current.Is("(") ? Parameters() : [];
        if (Expression() is not CallExpression call)
            throw Fault("tag 'call' needs a call: {% call macro(...) %}.", line);
        return new CallStatement(line, call, Routine(() => RoutineOf("caller", parameters, "endcall")));
    }

    private BlockStatement Block(int line)
    {
        var name = Expect(TokenKind.Name).Value;
        var scoped = SkipName("scoped");
        if (SkipName("required"))
            throw Fault("a required block needs another template that fills it.", line);
        var block = new BlockStatement(line, name, scoped, Routine(() => Body(out _, "endblock")));
        if (!_blocks.TryAdd(name, block))
            throw Fault($"block '{name}' is defined twice.", line);
        SkipName(name);
        return block;
    }

    // Chat templates write plain text, so there is nothing to escape.
    private ScopeStatement Autoescape(int line) =>
        Expression() is ConstantExpression { Value.IsTrue: false }
            ? new ScopeStatement(line, Body(out _, "endautoescape"))
            : throw Fault(
                "autoescape writes HTML, and a chat template writes plain text; only false is supported.", line);
}
