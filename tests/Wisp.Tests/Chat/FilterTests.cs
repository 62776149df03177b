namespace Wisp.Tests.Chat;

/// <summary>The filters; the right sides are what Python's jinja2 prints.</summary>
public class FilterTests
{
    [Fact]
    public void Filters_read_and_make_sequences() => Rendering.Check("""
        l|first => 3
        l|last => 2
        []|first =>
        []|last =>
        l|sum => 6
        l|sort => [1, 2, 3]
        l|sort(reverse=true) => [3, 2, 1]
        ls|sort => ['A', 'a', 'b', 'c']
        ls|sort(case_sensitive=true) => ['A', 'a', 'b', 'c']
        ls|unique|list => ['b', 'A', 'c']
        ['a','A','b']|unique|list => ['a', 'b']
        l|min => 1
        l|max => 3
        ls|max => c
        []|max =>
        l|join(', ') => 3, 1, 2
        l|join => 312
        lo|map(attribute='n')|join(',') => x,y,z
        lo|map(attribute='zz', default='?')|join(',') => ?,?,?
        ls|map('upper')|list => ['B', 'A', 'C', 'A']
        lo|selectattr('v','equalto',1)|list => [{'n': 'x', 'v': 1, 'g': 'B'}, {'n': 'z', 'v': 1, 'g': 'b'}]
        lo|rejectattr('v','eq',1)|map(attribute='n')|list => ['y']
        l|select('odd')|list => [3, 1]
        l|reject('odd')|list => [2]
        l|select('gt', 1)|list => [3, 2]
        lo|groupby('v')|map('first')|list => [1, 2]
        lo|sort(attribute='v,n')|map(attribute='n')|list => ['x', 'z', 'y']
        lo|sum(attribute='v') => 4
        lo|sum('v', 10) => 14
        nest|sum(start=[]) => [1, [2], 3]
        l|reverse|list => [2, 1, 3]
        s|reverse => dlroW olleH
        l|batch(2)|list => [[3, 1], [2]]
        l|batch(2,'x')|list => [[3, 1], [2, 'x']]
        l|slice(2)|list => [[3, 1], [2]]
        l|slice(2,'x')|list => [[3, 1], [2, 'x']]
        [1,2,3,4,5,6,7]|slice(3,0)|list => [[1, 2, 3], [4, 5, 0], [6, 7, 0]]
        d|dictsort => [('a', {'x': [1, 2, {'y': None}]}), ('b', 1), ('items', 5)]
        {'B':1,'a':2}|dictsort(true) => [('B', 1), ('a', 2)]
        {'B':1,'a':2}|dictsort(false,'value',true) => [('a', 2), ('B', 1)]
        d|items|list => [('b', 1), ('a', {'x': [1, 2, {'y': None}]}), ('items', 5)]
        d|list => ['b', 'a', 'items']
        {'a':1}.items()|list => [('a', 1)]
        d.keys()|list => ['b', 'a', 'items']
        range(5)|list => [0, 1, 2, 3, 4]
        range(1,10,3)|list => [1, 4, 7]
        range(5,0,-2)|list => [5, 3, 1]
        nope|list => []
        nope|join =>
        nope|items|list => []
        nope|map('upper')|list => []
        none|map('upper')|list => []
        l|first|string => 3
        l|map('string')|list => ['3', '1', '2']
        l|map(attribute=0)|list => [Undefined, Undefined, Undefined]
        nest|map(attribute='0')|list => [1, 3]
        nest|map('first')|list => [1, 3]
        nest|map('join', '-')|list => ['1-[2]', '3']
        ['a.b']|map('replace','.','!')|list => ['a!b']
        'x'|list => ['x']
        d.items()|first => ('b', 1)
        d|dictsort|first => ('a', {'x': [1, 2, {'y': None}]})
        lo|selectattr('zz','defined')|list => []
        lo|selectattr('v','in',[2,3])|list => [{'n': 'y', 'v': 2, 'g': 'a'}]
        lo|selectattr('n','ne','x')|map(attribute='v')|sum => 3
        'abc'|first => a
        'abc'|last => c
        ''|first =>
        [1,2,3][1:]|join => 23
        range(10)[2:5]|list => [2, 3, 4]
        range(10)[::-2]|list => [9, 7, 5, 3, 1]
        'a,b'.split(',')|map('trim')|join('+') => a+b
        'abc'|map('upper')|list => ['A', 'B', 'C']
        d|map('upper')|list => ['B', 'A', 'ITEMS']
        'abc'|select('in','ab')|list => ['a', 'b']
        d.items()|map('first')|list => ['b', 'a', 'items']
        d.items()|map(attribute=1)|list => [1, {'x': [1, 2, {'y': None}]}, 5]
        (d.items())|list|length => 3
        dict(d, z=1)|list => ['b', 'a', 'items', 'z']
        range(*[1,3])|list => [1, 2]
        [[1,2],[3]]|map('sum')|list => [3, 3]
        [[2,1],[1,2]]|sort => [[1, 2], [2, 1]]
        {}|first =>
        d|first => b
        d|last => items
        """);

    [Fact]
    public void Filters_make_texts() => Rendering.Check("""
        u|lower => naïve 😀 ß i̇ ǆ
        u|capitalize => Naïve 😀 ß i̇ ǆ
        nope|default('D') => D
        e|default('D', true) => D
        e|default('D') =>
        nn|default('D', true) => D
        fl|string => [1.5, 2, True, None, 'q\'"\n\t\\x\x00é\u200b']
        s|replace('o','0') => Hell0 W0rld
        s|replace('o','0',1) => Hell0 World
        s|replace('','-') => -H-e-l-l-o- -W-o-r-l-d-
        s|trim => Hello World
        '  x '|trim => x
        'xxaxx'|trim('x') => a
        s|wordcount => 2
        s|truncate(5) => He...
        s|truncate(5,true) => He...
        s|truncate(5,true,'') => Hello
        s|truncate(8,false,'..',0) => Hello..
        long|truncate(20) => the quick brown...
        n|string + 'x' => 7x
        s|upper|lower|title => Hello World
        'hello-world foo(bar)'|title => Hello-World Foo(Bar)
        nope|upper =>
        d|pprint => {'a': {'x': [1, 2, {'y': None}]}, 'b': 1, 'items': 5}
        (s|frobnicate) if false else 1 => 1
        [1,2,3]|attr('x') =>
        d|attr('b') =>
        [1,[2,[3]]]|string => [1, [2, [3]]]
        t|string => True
        t|upper => TRUE
        nn|upper => NONE
        n|upper => 7
        l|upper => [3, 1, 2]
        l|trim => [3, 1, 2]
        5|replace('5','6') => 6
        nn|replace('N','M') => Mone
        l|replace('1','9') => [3, 9, 2]
        """);

    [Fact]
    public void Filters_make_numbers() => Rendering.Check("""
        -1|abs => 1
        u|length => 13
        l|length => 3
        d|length => 3
        '3.7'|int => 3
        'x'|int => 0
        'x'|int(5) => 5
        '0x1F'|int(0,16) => 31
        'ff'|int(base=16) => 255
        ' 12 '|int => 12
        '1_0'|int => 10
        3.99|int => 3
        nn|int => 0
        none|int(7) => 7
        '3.5'|float => 3.5
        'x'|float(1.5) => 1.5
        n|float => 7.0
        f|round => 2.0
        3.5|round => 4.0
        2.675|round(2) => 2.67
        42.55|round(1,'floor') => 42.5
        42.55|round(1,'ceil') => 42.6
        1234|round(-2) => 1200
        5|round => 5
        -2.5|round => -2.0
        123456|filesizeformat => 123.5 kB
        1|filesizeformat => 1 Byte
        0|filesizeformat => 0 Bytes
        1000|filesizeformat => 1.0 kB
        1500000|filesizeformat(true) => 1.4 MiB
        999.9|filesizeformat => 999 Bytes
        nope|length => 0
        'a\nb'|length => 3
        (2**100)|string|length => 31
        d.a.x|length => 3
        n|abs => 7
        neg|abs => 3
        f|abs => 2.5
        true|abs => 1
        l|length > 2 => True
        l|length == 3 and s|length == 11 => True
        (l|length) - 1 => 2
        l|length - 1 => 2
        l[l|length - 1] => 2
        -n|abs => 7
        """);

    [Fact]
    public void Json_is_written_as_json_dumps_does() => Rendering.Check("""
        d|tojson => {"b": 1, "a": {"x": [1, 2, {"y": null}]}, "items": 5}
        d|tojson(separators=(',',':')) => {"b":1,"a":{"x":[1,2,{"y":null}]},"items":5}
        d|tojson(sort_keys=true) => {"a": {"x": [1, 2, {"y": null}]}, "b": 1, "items": 5}
        d|tojson(true) => {"b": 1, "a": {"x": [1, 2, {"y": null}]}, "items": 5}
        u|tojson(ensure_ascii=true) => "na\u00efve \ud83d\ude00 \u00df \u0130 \u01c6"
        []|tojson(indent=2) => []
        {}|tojson(indent=2) => {}
        1.0|tojson => 1.0
        big|tojson => 1180591620717411303424
        (1,2)|tojson => [1, 2]
        {1:2, none:3, true:4, 1.5:5}|tojson => {"1": 4, "null": 3, "1.5": 5}
        [1,2]|tojson|length => 6
        '<>&\''|tojson => "<>&'"
        """);

    [Fact]
    public void Filters_for_Html_escape() => Rendering.Check("""
        tags|striptags => a & b x
        tags|escape => &lt;b&gt;a &amp;amp; b&lt;/b&gt; &lt;!-- c --&gt; x
        tags|e|e => &lt;b&gt;a &amp;amp; b&lt;/b&gt; &lt;!-- c --&gt; x
        tags|forceescape => &lt;b&gt;a &amp;amp; b&lt;/b&gt; &lt;!-- c --&gt; x
        tags|safe => <b>a &amp; b</b> <!-- c --> x
        (tags|safe) + '<' => <b>a &amp; b</b> <!-- c --> x&lt;
        '<' + (tags|safe) => &lt;<b>a &amp; b</b> <!-- c --> x
        (tags|safe) ~ '<' => <b>a &amp; b</b> <!-- c --> x<
        'a b/c?d=é'|urlencode => a%20b/c%3Fd%3D%C3%A9
        {'a b':'c/d','e':1}|urlencode => a+b=c%2Fd&e=1
        """);
}
