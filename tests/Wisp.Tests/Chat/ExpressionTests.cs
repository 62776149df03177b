namespace Wisp.Tests.Chat;

/// <summary>Values and operators; the right sides are what Python's jinja2 prints.</summary>
public class ExpressionTests
{
    [Fact]
    public void Operators_are_Pythons() => Rendering.Check("""
        1 + 2 * 3 ** 2 => 19
        2 ** 3 ** 2 => 64
        -2 ** 2 => 4
        7 // -2 => -4
        -7 // 2 => -4
        7 % -3 => -2
        -7.5 % 2 => 0.5
        -7.5 // 2 => -4.0
        5.0 // 0.1 => 49.0
        7 / 2 => 3.5
        6 / 2 => 3.0
        1/3 => 0.3333333333333333
        2 ** -1 => 0.5
        2 ** 0.5 => 1.4142135623730951
        10**20 => 100000000000000000000
        1e-5 => 1e-05
        1e300*1e10 => inf
        1 ~ 2 ~ none ~ true => 12NoneTrue
        1 < 2 < 3 => True
        1 < 3 < 2 => False
        1 == 1.0 => True
        true == 1 => True
        'a' in s => False
        'Hello' in s => True
        'a' not in l => True
        3 in l => True
        'b' in d => True
        dict(a=1,b=2) => {'a': 1, 'b': 2}
        dict([('a',1)], b=2) => {'a': 1, 'b': 2}
        namespace(a=1).a => 1
        namespace(a=1) => <Namespace {'a': 1}>
        [1,2]+[3] => [1, 2, 3]
        (1,)+(2,) => (1, 2)
        'a'*3 => aaa
        3*'ab' => ababab
        [1]*3 => [1, 1, 1]
        'a' < 'b' => True
        [1,2] < [1,3] => True
        true + true => 2
        true and 'x' => x
        false or 'y' => y
        0 or nn => None
        not '' => True
        1 if true else 2 => 1
        ["it's", 'say "hi"', 'both \' and "'] => ["it's", 'say "hi"', 'both \' and "']
        1 == true => True
        1.0 == 1 => True
        -0.0 => -0.0
        0.1+0.2 => 0.30000000000000004
        3.0*2 => 6.0
        10 // 3.0 => 3.0
        2**100 => 1267650600228229401496703205376
        2**0.5 => 1.4142135623730951
        -5 // 2 => -3
        -5 % 3 => 1
        5 % -3 => -1
        1 - -1 => 2
        - - 1 => 1
        +1 => 1
        'b' > 'a' => True
        [3] > [2, 1] => True
        {'a':1} == {'a':1.0} => True
        (1,2) == [1,2] => False
        1 != 1 => False
        1 in (1,2) => True
        'a' in {'a':1} => True
        none in [none] => True
        l == [3,1,2] => True
        [1.0, 1e20, 1e-7, 123456789012345680.0] => [1.0, 1e+20, 1e-07, 1.2345678901234568e+17]
        dict(**{'a':1}) => {'a': 1}
        namespace(**{'a':1}).a => 1
        'x' if 1 in l and 'b' in d else 'y' => x
        1 if 0 else 2 if 0 else 3 => 3
        not l => False
        not not l => True
        not 1 == 2 => True
        n > 5 and not e => True
        -n => -7
        -(n) => -7
        +f => 2.5
        10**4299 > 0 => True
        """);

    [Fact]
    public void Texts_are_indexed_and_cut_by_character() => Rendering.Check("""
        s[0] => H
        s[-1] => d
        s[1:4] => ell
        s[::-1] => dlroW olleH
        s[::2] => HloWrd
        s[-3:] => rld
        s[:-3] => Hello Wo
        s[10:1:-3] => doo
        l[1:] => [1, 2]
        l[::-1] => [2, 1, 3]
        l[5:] => []
        d['items'] => 5
        d['a'].x[2].y => None
        u[6] => 😀
        d['a']['x'][0] => 1
        l[0] + l[1] => 4
        """);

    [Fact]
    public void What_is_missing_is_undefined_and_prints_as_nothing() => Rendering.Check("""
        s.foo =>
        d.nope =>
        nope =>
        d.pop =>
        'a'*-1 =>
        '' and 1 =>
        1 if false =>
        'a' if nope else 'b' => b
        nope ~ 'a' => a
        nope == nope2 => True
        nope == none => False
        n.x =>
        {'a':1}['b'] =>
        [0][5] =>
        'abc'[5] =>
        nn[0] =>
        nn.x =>
        1[0] =>
        d[l] =>
        nope in [1] => False
        1 in nope => False
        joiner('x')() =>
        loop =>
        varargs =>
        caller =>
        s.__class__ =>
        d.__class__ =>
        d._x =>
        d['__class__'] =>
        l.__len__ =>
        n.__add__ =>
        """);

    [Fact]
    public void Values_print_as_in_Python() => Rendering.Check("""
        1e16 => 1e+16
        1e15 => 1000000000000000.0
        123456789.123 => 123456789.123
        0.0001 => 0.0001
        1_000 => 1000
        0x1F => 31
        0b101 => 5
        0o17 => 15
        1.5e3 => 1500.0
        'a' 'b' "c" => abc
        {'a': 1, 2: 'x', none: 3} => {'a': 1, 2: 'x', None: 3}
        d.b => 1
        d.a.x.0 => 1
        nn => None
        fl => [1.5, 2, True, None, 'q\'"\n\t\\x\x00é\u200b']
        range(3) => range(0, 3)
        range(1,2,3) => range(1, 2, 3)
        n.real => 7
        1.5.real => 1.5
        "it's" => it's
        {1:'a'}[1.0] => a
        1.0 => 1.0
        100.0 => 100.0
        1e22 => 1e+22
        1e100 => 1e+100
        messages => []
        add_generation_prompt => True
        (1,2,3)[1:] => (2, 3)
        range(10)[3] => 3
        {'a':1,'a':2} => {'a': 2}
        """);

    [Fact]
    public void Tests_tell_types_and_values() => Rendering.Check("""
        1 is defined => True
        nope is defined => False
        nope is undefined => True
        nn is none => True
        n is odd => True
        n is even => False
        n is divisibleby 7 => True
        n is divisibleby(3) => False
        s is string => True
        l is iterable => True
        l is sequence => True
        d is mapping => True
        s is sequence => True
        s is iterable => True
        n is number => True
        t is boolean => True
        t is number => True
        t is integer => False
        n is integer => True
        f is float => True
        s is lower => False
        s is upper => False
        'abc' is lower => True
        n is sameas 7 => True
        n is eq 7 => True
        n is gt 5 => True
        n is in [7,8] => True
        'a' is in 'abc' => True
        'upper' is filter => True
        'odd' is test => True
        range is callable => True
        n is not odd => False
        not n is odd => False
        n is odd and f is float => True
        lipsum is callable => True
        (1 if false) is defined => False
        2 is in([1,2]) => True
        d is sameas d => True
        'a' is eq('a') => True
        1 is true => False
        true is true => True
        none is none => True
        {'a':1}.b is defined => False
        [0][5] is defined => False
        lo|map(attribute='n') is iterable => True
        lo|map(attribute='n') is sequence => False
        l|select is string => False
        l is eq [3,1,2] => True
        d.a['x'][-1].y is none => True
        d.items() is sequence => False
        d.items() is iterable => True
        'a' is string and 'b' is string => True
        s is defined and s => Hello World
        '' is string => True
        [] is sequence => True
        {} is mapping => True
        {} is iterable => True
        nope is iterable => True
        nope is sequence => True
        nope is mapping => False
        nope is string => False
        nope is callable => True
        nope is none => False
        nope is number => False
        nope is lower => False
        n is lower => False
        namespace() is mapping => False
        namespace is callable => True
        s.upper is callable => True
        loop is defined => False
        1 is number => True
        1.0 is integer => False
        1.0 is float => True
        '1' is number => False
        (1,) is sequence => True
        range(3) is sequence => True
        range(3) is iterable => True
        l|select is iterable => True
        """);
}
