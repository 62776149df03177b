using System.Text;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Eval.Scoring;
using Wisp.Train.Eval.Tasks;

namespace Wisp.Tests.Train.Eval;

public sealed class ScoringTests
{
    [Theory]
    [InlineData("The Eiffel Tower!", "eiffel tower", 1, true)] // articles, case and punctuation do not count
    [InlineData("a cat", "the dog", 0, false)]
    [InlineData("in the red house", "red house", 0.8, false)] // precision 2/3, recall 1
    [InlineData("red red house", "red house", 0.8, false)] // a word counts as often as the answer has it
    [InlineData("", "cat", 0, false)]
    [InlineData("the", "an", 1, true)] // nothing is left of either
    public void F1_and_exact_match_are_those_of_SQuAD(string answer, string wanted, double f1, bool exact)
    {
        Assert.Equal(f1, SquadScore.F1(answer, [wanted]), 12);
        Assert.Equal(exact, SquadScore.ExactMatch(answer, [wanted]));
    }

    [Fact]
    public void The_best_of_several_answers_counts()
    {
        Assert.Equal(1, SquadScore.F1("the king", ["a queen", "king"]));
        Assert.True(SquadScore.ExactMatch("the king", ["a queen", "king"]));
    }

    [Theory]
    [InlineData("So it is 1,234.50 dollars.", "1234.5")]
    [InlineData("5 - 3 = 2\n#### 2", "2")]
    [InlineData("#### -7 and then 9", "-7")]
    [InlineData("3-2", "2")] // a sign between two numbers is no sign of the second
    [InlineData("(4)-2", "2")]
    [InlineData("it is -2", "-2")]
    [InlineData("none at all", null)]
    public void The_number_that_an_answer_comes_to(string text, string? wanted) => Assert.Equal(
        wanted is null ? null : decimal.Parse(wanted, System.Globalization.CultureInfo.InvariantCulture),
        NumberAnswer.In(text));

    [Fact]
    public void A_bootstrap_interval_holds_the_mean_and_is_the_same_for_the_same_seed()
    {
        double[] scores = [.. Enumerable.Range(0, 200).Select(i => i % 10 / 10.0)];
        var metric = Bootstrap.Mean("f1", scores, seed: 5);
        // The standard error of the mean is σ/√n = 0.287/√200 = 0.0203, and 1.96 of it are 0.0398 on either side.
        Assert.Equal(0.45, metric.Value, 12);
        Assert.InRange(metric.Low, 0.45 - 0.050, 0.45 - 0.030);
        Assert.InRange(metric.High, 0.45 + 0.030, 0.45 + 0.050);
        Assert.Equal(metric, Bootstrap.Mean("f1", scores, seed: 5));
        Assert.NotEqual(metric, Bootstrap.Mean("f1", scores, seed: 6));
    }

    private static ExpectedCall Expected(string arguments, string? schema = null) => new("shop.order",
        JsonNode.Parse(arguments)!.AsObject().ToDictionary(
            pair => pair.Key, pair => (IReadOnlyList<JsonNode?>)[.. pair.Value!.AsArray()]),
        schema is null ? null : JsonNode.Parse(schema)!.AsObject());

    private static ToolCall Call(string arguments, string name = "shop.order") =>
        new(name, JsonNode.Parse(arguments)!.AsObject());

    [Theory]
    [InlineData("""{"n": 3}""", true)]
    [InlineData("""{"n": 3.0}""", false)] // the type is a whole number
    [InlineData("""{"n": "3"}""", false)]
    [InlineData("""{"n": 4}""", false)]
    [InlineData("""{"n": 3, "size": "LARGE"}""", true)] // texts without case
    [InlineData("""{"n": 3, "size": "small"}""", false)]
    [InlineData("""{"n": 3, "price": 2}""", true)] // a whole number for a float
    [InlineData("""{"n": 3, "colour": "red"}""", false)] // made up
    [InlineData("""{"size": "large"}""", false)] // a required one is missing
    [InlineData("""{"n": 3, "parts": ["a b", "C"]}""", true)] // blanks and case in lists do not count either
    [InlineData("""{"n": 3, "parts": ["c", "ab"]}""", false)] // order does
    [InlineData("""{"n": 3, "to": {"city": "Rome"}}""", true)]
    [InlineData("""{"n": 3, "to": {"city": "Rome", "zip": 1}}""", false)]
    [InlineData("""{"n": 3, "to": {}}""", false)]
    public void Calls_are_compared_as_the_leaderboard_does(string made, bool right)
    {
        var expected = Expected(
            """
            {"n": [3], "size": ["large", ""], "price": [2.0, ""], "parts": [["ab", "c"], ""],
            "to": [{"city": ["Rome", "Roma"], "street": ["", "Via"]}, ""]}
            """,
            """
            {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "size": {"type": "string"},
            "price": {"type": "number"}, "parts": {"type": "array", "items": {"type": "string"}},
            "to": {"type": "object"}, "colour": {"type": "string"}}}
            """);
        Assert.Equal(right, CallMatch.One(Call(made), expected));
        Assert.Equal(right, CallMatch.One(Call(made, "shop_order"), expected)); // a dot that a model cannot write
        Assert.False(CallMatch.One(Call(made, "order"), expected));
    }

    [Fact]
    public void Calls_made_together_may_come_in_any_order_but_none_twice()
    {
        ExpectedCall one = Expected("""{"n": [1]}"""), two = Expected("""{"n": [2]}""");
        ToolCall first = Call("""{"n": 1}"""), second = Call("""{"n": 2}""");
        Assert.True(CallMatch.All([second, first], [one, two]));
        Assert.False(CallMatch.All([first, first], [one, two]));
        Assert.False(CallMatch.All([first], [one, two]));
        Assert.False(CallMatch.All([first], []));
        Assert.True(CallMatch.All([], []));
    }

    [Fact]
    public void Types_of_the_leaderboard_become_those_of_JSON_Schema()
    {
        var schema = CallSets.Schema(JsonNode.Parse("""
            {"type": "dict", "properties": {"type": {"type": "String"}, "xs": {"type": "tuple",
            "items": {"type": "float"}}}, "required": ["xs"]}
            """)!.AsObject());
        Assert.True(JsonNode.DeepEquals(schema, JsonNode.Parse("""
            {"type": "object", "properties": {"type": {"type": "string"}, "xs": {"type": "array",
            "items": {"type": "number"}}}, "required": ["xs"]}
            """)));
    }

    [Fact]
    public void An_item_is_found_by_thirteen_of_its_words_whatever_their_case_and_punctuation()
    {
        const string Text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        var overlap = new NgramOverlap();
        int whole = overlap.Add(Text), other = overlap.Add(Text.Replace("seven", "7")),
            brief = overlap.Add("a question of just eight words it is"), tiny = overlap.Add("too short to say");
        overlap.See(Encoding.UTF8.GetBytes("Before. Two, three - four “five” six; SEVEN\neight nine ten eleven " +
            "twelve thirteen: fourteen! After"));
        Assert.True(overlap.IsFound(whole));
        Assert.False(overlap.IsFound(other));
        Assert.False(overlap.IsFound(brief));
        overlap.See("it was A question of just eight words it is."u8);
        Assert.True(overlap.IsFound(brief));
        Assert.False(overlap.IsJudged(tiny));
        Assert.True(overlap.IsJudged(whole));
    }

    [Fact]
    public void Csv_keeps_commas_quotes_and_line_breaks_of_quoted_fields()
    {
        var records = Csv.Read("a,b\r\n\"x, \"\"y\"\"\nz\",2\n\n3,\"\"\n"u8.ToArray(), "f.csv");
        Assert.Equal([["a", "b"], ["x, \"y\"\nz", "2"], ["3", ""]], records);
        var fault = Assert.Throws<InvalidDataException>(() => Csv.Read("a\n\"b"u8.ToArray(), "f.csv"));
        Assert.StartsWith("f.csv:2: a quote is not closed", fault.Message);
    }

    [Fact]
    public void Choices_in_a_question_are_taken_out_of_it()
    {
        var (stem, choices) = ChoiceSets.Lettered("Question: Why?\nChoices:\nA. so\nB. not so\nAnswer:", 2)!.Value;
        Assert.Equal("Question: Why?", stem);
        Assert.Equal(["so", "not so"], choices);
        Assert.Null(ChoiceSets.Lettered("Question: Why?\nA. so\nAnswer:", 2));
    }
}
