namespace Wisp.Tests.Chat;

/// <summary>Methods of values and formatting; the right sides are what Python's jinja2 prints.</summary>
public class MethodTests
{
    [Fact]
    public void Values_have_the_methods_of_Python() => Rendering.Check("""
        u.swapcase() => NAÏVE 😀 SS i̇ Ǆ
        u.casefold() => naïve 😀 ss i̇ ǆ
        s.replace('o','0',1) => Hell0 World
        s.center(20,'*') => ****Hello World*****
        s.ljust(15,'.') => Hello World....
        s.rjust(15,'.') => ....Hello World
        '42'.zfill(5) => 00042
        '-42'.zfill(5) => -0042
        s.split() => ['Hello', 'World']
        s.split('o') => ['Hell', ' W', 'rld']
        s.split('o', 1) => ['Hell', ' World']
        s.rsplit('o', 1) => ['Hello W', 'rld']
        ' a  b c '.split(None, 1) => ['a', 'b c ']
        ' a  b c '.rsplit(None, 1) => [' a  b', 'c']
        'a,b,,c'.split(',') => ['a', 'b', '', 'c']
        ''.split() => []
        ''.split(',') => ['']
        s.partition(' ') => ('Hello', ' ', 'World')
        s.rpartition('o') => ('Hello W', 'o', 'rld')
        s.partition('zz') => ('Hello World', '', '')
        s.rpartition('zz') => ('', '', 'Hello World')
        ml.splitlines() => ['line1', '  line2', '', 'line4']
        ml.splitlines(true) => ['line1\n', '  line2\n', '\n', 'line4\n']
        s.upper() => HELLO WORLD
        s.lower() => hello world
        s.title() => Hello World
        s.capitalize() => Hello world
        s.swapcase() => hELLO wORLD
        s.startswith('He') => True
        s.startswith(('x','He')) => True
        s.endswith('ld') => True
        s.startswith('l', 2) => True
        s.find('o') => 4
        s.find('o', 5) => 7
        s.rfind('o') => 7
        s.find('zz') => -1
        s.index('o') => 4
        s.count('o') => 2
        s.count('') => 12
        s.strip('Hd') => ello Worl
        s.lstrip('H') => ello World
        s.rstrip('d') => Hello Worl
        s.isalpha() => False
        'abc'.isalpha() => True
        '123'.isdigit() => True
        '²'.isdigit() => True
        '²'.isdecimal() => False
        '½'.isnumeric() => True
        'a1'.isalnum() => True
        'Ab Cd'.istitle() => True
        ' '.isspace() => True
        'abc'.isidentifier() => True
        'a\tb'.expandtabs(4) => a   b
        '-'.join(['a','b']) => a-b
        '-'.join('abc') => a-b-c
        d.get('b') => 1
        d.get('zz') => None
        d.get('zz', 9) => 9
        d.keys() => dict_keys(['b', 'a', 'items'])
        d.values() => dict_values([1, {'x': [1, 2, {'y': None}]}, 5])
        d.items() => dict_items([('b', 1), ('a', {'x': [1, 2, {'y': None}]}), ('items', 5)])
        l.index(2) => 2
        l.count(1) => 1
        l.copy() => [3, 1, 2]
        (1,2,1).count(1) => 2
        f.is_integer() => False
        n.bit_length() => 3
        u.find('ß') => 8
        'ab'.center(5, '😀') => 😀😀ab😀
        cycler('a','b').next() => a
        d.keys() == ['b'] => False
        'a' in d.a.keys() => False
        [d.items()] => [dict_items([('b', 1), ('a', {'x': [1, 2, {'y': None}]}), ('items', 5)])]
        """);

    [Fact]
    public void Formatting_is_Pythons() => Rendering.Check("""
        "%(a)s %(b)d" % {'a': 1, 'b': 2} => 1 2
        pct|format('x', 3) => x-3
        "%s %s"|format('a', l) => a [3, 1, 2]
        "%s" % l => [3, 1, 2]
        "%d" % 3.99 => 3
        "{} {}".format(1, 'a') => 1 a
        "{0} {1} {0}".format(1, 2) => 1 2 1
        "{a} {b!r}".format(a=1, b='x') => 1 'x'
        "{0[0]} {0[1]} {1[b]} {1.b}".format(l, d) => 3 1 1 1
        "{:{w}}|{:>{w}}".format('a', 'b', w=5) => a    |    b
        "{:.3}|{:.10}|{}|{:f}".format(1.23456, 1.0, 1e16, 2) => 1.23|1.0|1e+16|2.000000
        "{{}} {}".format(1) => {} 1
        '%s' % nope =>
        '%s' % none => None
        '%s' % (none,) => None
        '{:5}|'.format('😀') => 😀    |
        '{a}'.format(**{'a':1}) => 1
        '{}{}'.format(*[1,2]) => 12
        """);
}
