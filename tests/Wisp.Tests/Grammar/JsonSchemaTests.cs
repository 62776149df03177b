using System.Text.Json;
using Wisp.Grammar;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Grammar;

public class JsonSchemaTests
{
    /// <summary>One schema for each word and for the ways in which words meet.</summary>
    public static TheoryData<string> Schemas =>
    [
        "{}", "true", """{"type":"object"}""", """{"type":"array"}""", """{"type":"string"}""", """{"type":"number"}""",
        """{"type":"integer"}""", """{"type":["boolean","null","integer"]}""",
        """{"enum":["a","ab","abc","",1,1.5,null,true,{"x":[1,2]},"\"\\\n","😀","😁"]}""", """{"const":"a\"b"}""",
        """{"type":"string","enum":["red",3,"green"]}""", """{"enum":[1,2,3],"const":2}""",
        """{"type":"string","minLength":3,"maxLength":5}""", """{"type":"string","minLength":70}""",
        """{"type":"string","maxLength":0}""", """{"minLength":2}""",
        """{"type":"integer","minimum":0}""", """{"type":"integer","minimum":-17,"maximum":123}""",
        """{"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":1000}""", """{"type":"integer","maximum":-100}""",
        """{"type":"integer","minimum":1.5,"maximum":2.5}""", """{"type":"integer","minimum":99999999999999999999}""",
        """{"type":"number","minimum":0,"maximum":1}""", """{"type":"number","exclusiveMinimum":0,"maximum":0.25}""",
        """{"type":"number","minimum":-3.75,"exclusiveMaximum":2.5}""", """{"type":"number","exclusiveMinimum":-0.5}""",
        """{"type":"number","minimum":1.25,"maximum":1.250}""", """{"type":"number","maximum":-1e2}""",
        """{"type":"number","exclusiveMinimum":0.999,"exclusiveMaximum":1.001}""",
        """{"minimum":1e3,"maximum":1.5e3}""",
        """{"type":"number","exclusiveMaximum":0}""", """{"type":"number","minimum":0.1,"exclusiveMaximum":10}""",
        """{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4}""",
        """{"type":"array","maxItems":0}""", """{"type":"array","items":false}""",
        """{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}""",
        """
        {"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1}
        """,
        """{"type":"array","prefixItems":[{"type":"integer"}],"minItems":3,"maxItems":5}""",
        """{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"maxItems":1}""",
        """
        {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"null"}},
         "required":["b"]}
        """,
        """{"properties":{"a":{"type":"integer"}},"required":["a","z"],"additionalProperties":{"type":"string"}}""",
        """
        {"type":"object","properties":{"a":{"const":1},"ab":{"const":2},"b\"":{"const":3},"é":{"const":4}},
         "additionalProperties":{"type":"string"}}
        """,
        """{"type":"object","additionalProperties":{"type":"integer"},"minProperties":0,"maxProperties":2}""",
        """{"type":"object","properties":{"x":false,"y":true},"additionalProperties":false}""",
        """{"anyOf":[{"type":"integer","minimum":5},{"type":"string","maxLength":2}]}""",
        """{"oneOf":[{"type":"integer"},{"type":"string"},{"type":"object","required":["k"]}]}""",
        """
        {"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"n":{"type":"integer"}},"required":["t","n"]},
                  {"type":"object","properties":{"t":{"const":"b"},"s":{"type":"string"}},"required":["t"]}]}
        """,
        """
        {"type":"object","required":["id"],"properties":{"id":{"type":"integer"}},
         "anyOf":[{"required":["x"],"properties":{"x":{"type":"string"}}},{"properties":{"y":{"type":"null"}}}]}
        """,
        """
        {"allOf":[{"type":"object","properties":{"a":{"type":"number","minimum":0}},"required":["a"]},
                  {"properties":{"a":{"maximum":5},"b":{"type":"string"}}}]}
        """,
        """{"allOf":[{"type":["string","integer"]},{"type":["number","null"]},{"minimum":3}],"maximum":4}""",
        """{"allOf":[{"enum":[1,2,3,"x"]},{"enum":["x",2.0,9]}]}""",
        """
        {"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},
         "kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"]}},"$ref":"#/$defs/node"}
        """,
        """{"properties":{"child":{"allOf":[{"$ref":"#"},{"required":["name"]}]},"name":{"type":"string"}}}""",
        """
        {"$defs":{"p":{"type":"integer","minimum":1}},"properties":{"a":{"$ref":"#/$defs/p","maximum":3}},
         "required":["a"]}
        """,
        """{"type":"string","pattern":"^[a-z]{2,4}-\\d+$"}""", """{"type":"string","pattern":"ab|c"}""",
        """{"type":"string","pattern":"^(a|b(c|d)*)+[^x-z\"]?$"}""",
        """{"type":"string","pattern":"^\\w+\\s\\S\\W.$"}""",
        """{"pattern":"^(\\(\\d{3}\\))?\\d{3}-\\d{4}$"}""", """{"type":"string","pattern":"^[\\\\\"\\n\\t/]{1,3}$"}""",
        """{"type":"string","pattern":"^(?:a*b?)*$|^\\x41\\u00e9$"}""",
        """{"type":"string","format":"date"}""", """{"type":"string","format":"time"}""",
        """{"type":"string","format":"date-time"}""", """{"type":"string","format":"uuid"}""",
        """{"type":"string","format":"ipv4"}""", """{"type":"string","format":"ipv6"}""",
        """{"type":"string","format":"hostname"}""", """{"type":"string","format":"email"}""",
        """{"type":"string","format":"uri"}""",
    ];

    [Theory, MemberData(nameof(Schemas))]
    public void Whatever_is_picked_the_text_is_valid(string schema) => Walk(schema, rounds: 30, seed: 1);

    [Theory, Trait("cost", "slow"), MemberData(nameof(Schemas))]
    public void Whatever_is_picked_the_text_is_valid_many_times(string schema) => Walk(schema, rounds: 300, seed: 2);

    private static void Walk(string schema, int rounds, int seed)
    {
        var walk = new RandomWalk(seed);
        var mask = walk.MaskOf(JsonSchema.Compile(schema));
        for (var round = 0; round < rounds; round++)
        {
            var text = walk.Text(mask, free: 5 + 2 * round % 100);
            using var value = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 1000 });
            Assert.True(NaiveJsonSchema.IsValid(value.RootElement, schema), $"{schema}\n{text}");
        }
    }

    [Fact]
    public void Any_object_is_an_object_and_JSON()
    {
        var walk = new RandomWalk(seed: 3);
        var mask = walk.MaskOf(JsonSchema.AnyObject());
        for (var round = 0; round < 100; round++)
        {
            using var value = JsonDocument.Parse(walk.Text(mask, free: round),
                new JsonDocumentOptions { MaxDepth = 1000 });
            Assert.Equal(JsonValueKind.Object, value.RootElement.ValueKind);
        }
    }
}
