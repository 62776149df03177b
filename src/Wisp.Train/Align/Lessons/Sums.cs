using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Lessons;

/// <summary>
/// Arithmetic, which a small model is to leave to the calculator: the lesson is to see the sum in the words, to call,
/// and to say the result that came back.
/// </summary>
internal static class Sums
{
    private static readonly string[] s_names =
        ["Anna", "Ben", "Clara", "David", "Emma", "Fred", "Grace", "Henry", "Ida", "Jack", "Kate", "Leo", "Mary", "Ned",
            "Olive", "Peter", "Rose", "Sam", "Tom", "Will"];

    private static readonly string[] s_things =
        ["apples", "pears", "nuts", "stones", "books", "coins", "eggs", "cakes", "flowers", "shells", "pens", "cards",
            "stamps", "toys", "buttons", "candles", "oranges", "ribbons"];

    private static readonly string[] s_holders =
        ["boxes", "bags", "baskets", "jars", "bowls", "chests", "drawers", "rows", "carts"];

    private static readonly string[] s_asks =
        ["What is {0}?", "What's {0}?", "How much is {0}?", "Calculate {0}.", "Compute {0}.", "Work out {0}.",
            "Please calculate {0}.", "Can you tell me what {0} is?", "{0} = ?", "{0}", "Tell me {0}.",
            "I need to know {0}.", "Find {0}.", "Could you work out {0}?", "What do you get for {0}?"];

    private static readonly string[] s_answers =
        ["{0} = {1}.", "It is {1}.", "The answer is {1}.", "That is {1}.", "{0} is {1}."];

    private static readonly string[] s_declined =
        ["I have no calculator here, so I cannot work that out.", "I would need a calculator for that.",
            "I cannot do sums without a calculator.", "Without a calculator I would only guess."];

    /// <summary>The function, as OpenAI describes one.</summary>
    public static JsonArray Tools() => JsonNode.Parse("""
        [{"type": "function", "function": {"name": "calculator", "description": "Works out an arithmetic expression.",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}},
        "required": ["expression"]}}}]
        """)!.AsArray();

    public static IEnumerable<ConversationTurn> Lesson(Chooser choose) =>
        choose.Chance(0.45) ? Bare(choose) : Told(choose);

    /// <summary>The same requests where there is no calculator: then there is no call either.</summary>
    public static IEnumerable<ConversationTurn> Declined(Chooser choose) =>
        [Lesson(choose).First(), new(Role.Assistant, choose.Of(s_declined))];

    // A sum in signs or in words.
    private static IEnumerable<ConversationTurn> Bare(Chooser choose)
    {
        var (a, b) = Pair(choose, out var sign);
        var expression = $"{a} {sign} {b}";
        var shown = choose.Below(4) switch
        {
            0 => $"{a}{sign}{b}",
            1 => Spoken(a, sign, b),
            _ => expression,
        };
        var value = Value(a, sign, b);
        if (choose.Chance(0.2) && sign is '+' or '-')
        {
            var c = choose.From(2, 99);
            (expression, shown, value) = ($"{expression} + {c}", $"{expression} + {c}", value + c);
        }

        return Called(
            string.Format(choose.Of(s_asks), shown), expression, value,
            string.Format(choose.Of(s_answers), expression, Text(value)));
    }

    // A sum in a story of two or three sentences.
    private static IEnumerable<ConversationTurn> Told(Chooser choose)
    {
        string[] names = choose.Some(2, s_names);
        string who = names[0], other = names[1], what = choose.Of(s_things), holder = choose.Of(s_holders);
        int a = choose.From(3, 400), b = choose.From(2, 200), small = choose.From(2, 30), c = choose.From(2, 25);
        var less = Math.Min(b, a - 1);
        var each = choose.From(2, 40);
        var end = choose.Of(
            $"How many {what} does {who} have now?", $"How many {what} are there now?", $"How many {what} is that?");
        var (eats, remain) = choose.Of(("eats", "remain"), ("sells", "remain"), ("drops", "are left"),
            ("gives away", "are left"), ("uses", "are left"), ("loses", "does that leave"));
        return choose.Below(16) switch
        {
            0 => Told($"{who} has {a} {what}. {other} gives {who} {b} more. {end}", $"{a} + {b}", a + b),
            1 => Told($"{who} has {a} {what} and gives {less} to {other}. How many {what} are left?",
                $"{a} - {less}", a - less),
            2 => Told($"There are {small} {holder} with {c} {what} in each. How many {what} are there?",
                $"{small} * {c}", small * c),
            3 => Told($"{who} puts {each * c} {what} into {c} {holder}, the same number in each. " +
                $"How many {what} are in each?", $"{each * c} / {c}", each),
            4 => Told($"{who} had {a} {what}, lost {less} and found {small}. {end}",
                $"{a} - {less} + {small}", a - less + small),
            5 => Told($"{who} has {a} {what} and {other} has {b}. How many do they have together?",
                $"{a} + {b}", a + b),
            6 => Told($"One of the {what} costs {c} dollars. What do {small} {what} cost?",
                $"{small} * {c}", small * c),
            7 => Told($"{who} buys {small} {holder} of {what} with {c} in each, and {b} more {what}. {end}",
                $"{small} * {c} + {b}", (small * c) + b),
            8 => Told($"{who} shares {each * c} {what} fairly among {c} friends. How many does each friend get?",
                $"{each * c} / {c}", each),
            9 => Told($"{who} has {a} {what} and {eats} {less}. How many {remain}?", $"{a} - {less}", a - less),
            10 => Told($"I have {a} {what} and {choose.Of("eat", "lose", "sell", "give away")} {less}. How many " +
                $"{choose.Of("remain", "are left", "do I have now")}?", $"{a} - {less}", a - less),
            11 => Told($"{small} {what} cost {small * each} dollars in all. " +
                $"{choose.Of("What does one cost?", "How much does one cost?", "How much is one?")}",
                $"{small * each} / {small}", each),
            12 => Told($"{who} {choose.Of("walks", "rides", "drives", "runs")} {small} miles a day. " +
                $"How many miles is that in {c} days?", $"{small} * {c}", small * c),
            13 => Told($"A book has {each * c} pages. {who} reads {each} pages a day. How many days does it take?",
                $"{each * c} / {each}", c),
            14 => Told($"I had {a} {what}, and {who} gave me {b}. How many do I have?", $"{a} + {b}", a + b),
            _ => Told($"{who} is {small + c} years old and {other} is {small}. How many years older is {who}?",
                $"{small + c} - {small}", c),
        };

        IEnumerable<ConversationTurn> Told(string question, string expression, decimal value) => Called(
            question, expression, value, string.Format(choose.Of(s_answers), expression, Text(value)));
    }

    private static IEnumerable<ConversationTurn> Called(
        string question, string expression, decimal value, string answer) =>
        [
            new(Role.User, question),
            new(Role.Assistant, "")
            {
                Calls = [new ToolCall("calculator", new JsonObject { ["expression"] = expression })],
            },
            new(Role.Tool, Text(value)),
            new(Role.Assistant, answer),
        ];

    private static (int A, int B) Pair(Chooser choose, out char sign)
    {
        sign = choose.Of('+', '-', '*', '/');
        var most = choose.Of(20, 100, 1000);
        int a = choose.From(1, most), b = choose.From(1, most);
        return sign switch
        {
            '-' => (Math.Max(a, b), Math.Min(a, b)),
            '*' => (choose.From(2, 99), choose.From(2, 30)),
            '/' when choose.From(2, 20) is var c => (c * choose.From(2, 50), c),
            _ => (a, b),
        };
    }

    private static string Spoken(int a, char sign, int b) => sign switch
    {
        '+' => $"{a} plus {b}",
        '-' => $"{a} minus {b}",
        '*' => $"{a} times {b}",
        _ => $"{a} divided by {b}",
    };

    private static decimal Value(int a, char sign, int b) => sign switch
    {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => (decimal)a / b,
    };

    private static string Text(decimal value) => value.ToString("0.##");
}
