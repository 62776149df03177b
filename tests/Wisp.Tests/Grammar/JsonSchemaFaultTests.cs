using Wisp.Grammar;

namespace Wisp.Tests.Grammar;

/// <summary>Schemas that no grammar can keep, or that nothing is valid against: one line with the place.</summary>
public class JsonSchemaFaultTests
{
    [Theory]
    [InlineData("""{"type":"integer","multipleOf":5}""", "/multipleOf: 'multipleOf' cannot be turned into a grammar")]
    [InlineData("""{"properties":{"a":{"not":{}}}}""", "/properties/a/not: 'not' cannot be turned into a grammar")]
    [InlineData("""{"if":{},"then":{}}""", "/if: 'if' cannot")]
    [InlineData("""{"patternProperties":{"^a":{}}}""", "/patternProperties: ")]
    [InlineData("""{"properties":{"a/b~c":{"frobnicate":1}}}""", "/properties/a~1b~0c/frobnicate: 'frobnicate' cannot")]
    [InlineData("""{"type":"array","uniqueItems":true}""", "/uniqueItems: 'uniqueItems' cannot be kept")]
    [InlineData("""{"type":"array","contains":{}}""", "/contains: ")]
    [InlineData("""{"enum":[]}""", "no value of 'enum' or 'const' is left")]
    [InlineData("""{"enum":[1,2],"type":"string"}""", "no value of 'enum' or 'const' is left")]
    [InlineData("""{"enum":[1,2],"const":3}""", "no value of 'enum' or 'const' is left")]
    [InlineData("""{"enum":["a","b"],"minLength":2}""", "/minLength: 'minLength' beside 'enum'")]
    [InlineData("""{"type":"array","minItems":3,"maxItems":2}""", "/minItems: 'minItems' is 3 and 'maxItems' is 2")]
    [InlineData("""{"type":"array","prefixItems":[{}],"items":false,"minItems":2}""", "at least 2 items")]
    [InlineData("""{"type":"string","minLength":3,"maxLength":2}""", "/minLength: ")]
    [InlineData("""{"type":"number","minimum":3,"maximum":2}""", "the minimum is above the maximum")]
    [InlineData("""{"type":"number","minimum":3,"exclusiveMaximum":3.0}""", "the minimum is above the maximum")]
    [InlineData("""{"type":"integer","minimum":1.1,"maximum":1.9}""", "no whole number lies between")]
    [InlineData("""{"type":"object","required":["a"],"additionalProperties":false}""",
        "'a' is required, but not declared")]
    [InlineData("""{"properties":{"a":false},"required":["a"]}""", "/properties/a: 'a' is required, but no value")]
    [InlineData("false", "no finite text matches 'root'")]
    [InlineData("""{"anyOf":[]}""", "/anyOf: 'anyOf' is empty")]
    [InlineData("""{"anyOf":[false,false]}""", "no finite text matches 'root'")]
    [InlineData("""{"allOf":[{"type":"string"},{"type":"integer"}]}""", "no finite text matches 'root'")]
    [InlineData("""{"$ref":"#"}""", "left recursion")]
    [InlineData("""{"properties":{"next":{"$ref":"#"}},"required":["next"]}""", "no finite text matches 'root'")]
    [InlineData("""{"$ref":"#/$defs/none"}""", "'$ref' names #/$defs/none, where there is nothing")]
    [InlineData("""{"$ref":"https://example.org/x.json"}""",
        "/$ref: 'https://example.org/x.json' is in another document")]
    [InlineData("""{"$ref":"#there"}""", "'#there' names no $anchor")]
    [InlineData("""{"allOf":[{"$ref":"#"},{"type":"object"}]}""", "perhaps in a circle")]
    [InlineData("""{"oneOf":[{"type":"number"},{"type":"integer"}]}""",
        "/oneOf: a value might be valid against both 0 and 1")]
    [InlineData("""{"oneOf":[{"enum":[1]},{"const":1.0}]}""", "/oneOf: ")]
    [InlineData("""{"oneOf":[{"properties":{"a":{"const":1}}},{"properties":{"a":{"const":2}}}]}""", "/oneOf: ")]
    [InlineData("""{"type":"text"}""", "/type: 'type' must be one of object, array")]
    [InlineData("""{"type":[]}""", "/type: 'type' is an empty list")]
    [InlineData("""{"type":"string","format":"duration"}""",
        "/format: the format 'duration' is not known; known are date")]
    [InlineData("""{"type":"string","pattern":"^(?=a)b$"}""", "/pattern: the pattern has a group (?=")]
    [InlineData("""{"type":"string","pattern":"(a)\\1"}""", "/pattern: the pattern has the escape '\\1'")]
    [InlineData("""{"type":"string","pattern":"a\\b"}""", "/pattern: the pattern has the escape '\\b'")]
    [InlineData("""{"type":"string","pattern":"\\p{L}"}""", "/pattern: the pattern has the escape '\\p'")]
    [InlineData("""{"type":"string","pattern":"a^b"}""", "/pattern: the pattern has '^' at character 2")]
    [InlineData("""{"type":"string","pattern":"a**"}""", "/pattern: the pattern repeats a repetition")]
    [InlineData("""{"type":"string","pattern":"(a"}""", "/pattern: the pattern has no ')'")]
    [InlineData("""{"type":"string","pattern":"[b-a]"}""", "/pattern: the pattern has a range")]
    [InlineData("""{"type":"string","pattern":"^a$","maxLength":3}""",
        "only one of a length, a 'pattern' and a 'format'")]
    [InlineData("""{"minProperties":2,"properties":{"a":{},"b":{}}}""", "/minProperties: ")]
    [InlineData("""{"type":"string","minLength":-1}""", "/minLength: 'minLength' must be a whole number from 0")]
    [InlineData("""{"type":"string","maxLength":1e99}""", "/maxLength: 'maxLength' ")]
    [InlineData("""{"type":"number","minimum":"3"}""", "/minimum: 'minimum' must be a number")]
    [InlineData("""{"type":"number","minimum":1e999999999}""", "/minimum: 'minimum' has more digits")]
    [InlineData("""{"properties":[]}""", "/properties: 'properties' must be an object")]
    [InlineData("""{"properties":{"a":7}}""", "/properties/a: a schema is an object, true or false")]
    [InlineData("7", "at the root: a schema is an object, true or false")]
    [InlineData("null", "at the root: a schema is an object, true or false")]
    [InlineData("", "is no JSON")]
    [InlineData("""{"type":"string","type":"string"}""", "is no JSON")]
    [InlineData("""{"const":"\ud800"}""", "s.json: ")]
    public void A_fault_is_named_with_its_place(string schema, string message)
    {
        var error = Assert.Throws<InvalidDataException>(() => JsonSchema.Compile(schema, "s.json"));
        Assert.StartsWith("s.json", error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void Words_that_only_describe_are_skipped()
    {
        JsonSchema.Compile("""
            {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","title":"t","description":"d",
             "type":"object","properties":{"a":{"type":"string","default":"x","examples":["y"],"x-order":1}},
             "$comment":"c","deprecated":true}
            """);
    }

    [Fact]
    public void Sizes_are_bounded()
    {
        const string Part = """{"type":"string","pattern":"(abcdefghij){5}"}""";
        Refused($"{{\"anyOf\":[{string.Join(',', Enumerable.Repeat(Part, 20_000))}]}}", "terms");
        Refused(string.Concat(Enumerable.Repeat("{\"items\":", 70)) + "{}" + new string('}', 70), "is no JSON");
        Refused($"{{\"const\":\"{new string('x', 200_000)}\"}}", "terms");
        Refused($"{{\"const\":\"{new string('x', 2_000_000)}\"}}", "characters");
        // Each level asks for the one below twice: 2^40 if they were copied.
        var levels = string.Join(',', Enumerable.Range(0, 40).Select(i => """
            "lHERE":{"allOf":[{"properties":{"a":{"$ref":"#/$defs/lNEXT"},"b":{"$ref":"#/$defs/lNEXT"}}},
            {"properties":{"a":{"type":"object"}}}]}
            """.Replace("HERE", $"{i}").Replace("NEXT", $"{i + 1}")));
        JsonSchema.Compile("{\"$defs\":{" + levels + ",\"l40\":{\"type\":\"object\"}},\"$ref\":\"#/$defs/l0\"}");

        // Joins itself to itself, larger each time; and 2^15 joins of nothing.
        Refused("""
            {"properties":{"n":{"$ref":"#","additionalProperties":{"$ref":"#"}},"v":{"minimum":0}},
             "additionalProperties":{"type":"boolean"}}
            """, "when they are joined");
        var twice = string.Join(',', Enumerable.Range(0, 15).Select(i => """
            "lHERE":{"allOf":[{"$ref":"#/$defs/lNEXT"},{"$ref":"#/$defs/lNEXT"}]}
            """.Replace("HERE", $"{i}").Replace("NEXT", $"{i + 1}")));
        Refused("{\"$defs\":{" + twice + ",\"l15\":{}},\"$ref\":\"#/$defs/l0\"}", "when they are joined");

        static void Refused(string schema, string message) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => JsonSchema.Compile(schema)).Message);
    }
}
