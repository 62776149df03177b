using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Lessons;

/// <summary>Small tasks with one right answer: facts, opposites, repeating, lists, sorting things into kinds.</summary>
internal static class Errands
{
    private static readonly (string A, string B)[] s_opposites =
        [("hot", "cold"), ("big", "small"), ("up", "down"), ("day", "night"), ("old", "new"), ("fast", "slow"),
            ("rich", "poor"), ("good", "bad"), ("open", "closed"), ("light", "dark"), ("wet", "dry"), ("high", "low"),
            ("happy", "sad"), ("strong", "weak"), ("early", "late"), ("full", "empty"), ("long", "short"),
            ("hard", "soft"), ("near", "far"), ("left", "right"), ("true", "false"), ("first", "last")];

    private static readonly Dictionary<string, string[]> s_kinds = new()
    {
        ["animal"] = ["dog", "cat", "horse", "fox", "bear", "wolf", "mouse", "cow", "sheep", "lion", "rabbit", "pig"],
        ["bird"] = ["crow", "eagle", "owl", "duck", "hen", "swan", "raven", "goose"],
        ["fruit"] = ["apple", "pear", "plum", "cherry", "grape", "orange", "peach", "lemon"],
        ["colour"] = ["red", "blue", "green", "yellow", "white", "black", "brown", "grey"],
        ["tree"] = ["oak", "pine", "birch", "willow", "elm", "beech"],
        ["tool"] = ["hammer", "saw", "knife", "axe", "spade", "needle"],
        ["country"] = ["France", "Italy", "Spain", "England", "Germany", "India", "China", "Greece"],
    };

    private static readonly (string Question, string Answer)[] s_facts =
    [
        ("What colour is grass?", "Grass is green."), ("What colour is the sky?", "The sky is blue by day."),
        ("What colour is snow?", "Snow is white."), ("How many legs does a dog have?", "A dog has four legs."),
        ("How many legs does a spider have?", "A spider has eight legs."),
        ("How many days are in a week?", "There are seven days in a week."),
        ("How many months are in a year?", "There are twelve months in a year."),
        ("How many hours are in a day?", "There are twenty-four hours in a day."),
        ("How many minutes are in an hour?", "There are sixty minutes in an hour."),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("What is the capital of England?", "The capital of England is London."),
        ("What is the capital of Italy?", "The capital of Italy is Rome."),
        ("What is the capital of Spain?", "The capital of Spain is Madrid."),
        ("What is the capital of Germany?", "The capital of Germany is Berlin."),
        ("What is the capital of Greece?", "The capital of Greece is Athens."),
        ("What do bees make?", "Bees make honey."), ("What do cows give?", "Cows give milk."),
        ("What do hens lay?", "Hens lay eggs."), ("What do fish live in?", "Fish live in water."),
        ("Where does the sun rise?", "The sun rises in the east."),
        ("Where does the sun set?", "The sun sets in the west."),
        ("What is frozen water called?", "Frozen water is called ice."),
        ("What season comes after winter?", "Spring comes after winter."),
        ("What season comes after summer?", "Autumn comes after summer."),
        ("Which is the largest ocean?", "The Pacific is the largest ocean."),
        ("What is a young dog called?", "A young dog is called a puppy."),
        ("What is a young cat called?", "A young cat is called a kitten."),
        ("What is a young cow called?", "A young cow is called a calf."),
        ("What is bread made of?", "Bread is made of flour, water and yeast."),
        ("What shines at night?", "The moon and the stars shine at night."),
        ("What is the opposite of love?", "The opposite of love is hate."),
        ("Is the sun hot?", "Yes, the sun is very hot."), ("Can fish fly?", "No, fish swim; birds fly."),
        ("Do cats bark?", "No, cats mew and dogs bark."), ("Is ice warm?", "No, ice is cold."),
    ];

    private static readonly string[] s_days =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    private static readonly string[] s_months =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
            "December"];

    private static readonly string[] s_words =
        ["river", "lantern", "garden", "silver", "window", "forest", "music", "summer", "castle", "bridge", "letter",
            "candle", "mountain", "ocean", "thunder", "pocket", "winter", "feather", "kettle", "meadow", "harbour"];

    /// <summary>Questions with one right answer.</summary>
    public static IReadOnlyList<(string Question, string Answer)> Facts => s_facts;

    public static IEnumerable<ConversationTurn> Lesson(Chooser choose)
    {
        var (question, answer) = choose.Below(8) switch
        {
            0 => Opposite(choose),
            1 => choose.Of(s_facts),
            2 => Repeat(choose),
            3 => Names(choose),
            4 => Kind(choose),
            5 => After(choose),
            6 => choose.Of(s_facts),
            _ => Count(choose),
        };
        return [new(Role.User, question), new(Role.Assistant, answer)];
    }

    private static (string, string) Opposite(Chooser choose)
    {
        var (a, b) = choose.Of(s_opposites);
        if (choose.Chance(0.5))
            (a, b) = (b, a);
        return (choose.Of($"What is the opposite of {a}?", $"Give me the opposite of \"{a}\".", $"The opposite of {a}?",
            $"Which word means the opposite of {a}?"), $"The opposite of {a} is {b}.");
    }

    private static (string, string) Repeat(Chooser choose)
    {
        var words = string.Join(' ', choose.Some(choose.From(1, 3), s_words));
        return (choose.Of($"Say {words}.", $"Say \"{words}\".", $"Repeat after me: {words}", $"Repeat: {words}",
            $"Write the words {words}.", $"Please repeat: {words}"), words);
    }

    private static (string, string) Names(Chooser choose)
    {
        var kind = choose.Of([.. s_kinds.Keys]);
        var (count, word) = choose.Of((2, "two"), (3, "three"), (4, "four"));
        var some = choose.Some(count, s_kinds[kind]);
        return (choose.Of($"Name {word} {Many(kind)}.", $"List {word} {Many(kind)}.", $"Give me {word} {Many(kind)}.",
            $"Tell me the names of {word} {Many(kind)}."), string.Join(", ", some[..^1]) + $" and {some[^1]}");
    }

    private static (string, string) Kind(Chooser choose)
    {
        var kinds = choose.Some(2, [.. s_kinds.Keys]);
        var one = choose.Of(s_kinds[kinds[0]]);
        if (choose.Chance(0.4))
            return ($"What is {Article(one)}?", $"{Capital(Article(one))} is {Article(kinds[0])}.");
        var right = choose.Chance(0.5);
        var asked = right ? kinds[0] : kinds[1];
        return asked == "animal" && kinds[0] == "bird"
            ? ($"Is {Article(one)} a bird?", $"Yes, {Article(one)} is a bird.")
            : ($"Is {Article(one)} {Article(asked)}?", right
                ? $"Yes, {Article(one)} is {Article(asked)}." : $"No, {Article(one)} is {Article(kinds[0])}.");
    }

    private static (string, string) After(Chooser choose)
    {
        var list = choose.Chance(0.5) ? s_days : s_months;
        var i = choose.Below(list.Length);
        var (name, what) = (list[i], list == s_days ? "day" : "month");
        return choose.Chance(0.5)
            ? (choose.Of($"What {what} comes after {name}?", $"Which {what} follows {name}?"),
                $"{list[(i + 1) % list.Length]} comes after {name}.")
            : (choose.Of($"What {what} comes before {name}?", $"Which {what} is before {name}?"),
                $"{list[(i + list.Length - 1) % list.Length]} comes before {name}.");
    }

    private static (string, string) Count(Chooser choose)
    {
        string[] numbers =
            ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
        int from = choose.From(1, 5), to = from + choose.From(2, 7);
        return choose.Chance(0.5)
            ? ($"Count from {from} to {to}.", string.Join(", ", Enumerable.Range(from, to - from + 1)))
            : ($"Count from {numbers[from - 1]} to {numbers[to - 1]}.", string.Join(", ", numbers[(from - 1)..to]));
    }

    private static string Many(string kind) => kind == "country" ? "countries" : kind + "s";

    private static string Article(string noun) => char.IsUpper(noun[0]) || s_kinds["colour"].Contains(noun) ? noun
        : ("aeiou".Contains(noun[0]) ? "an " : "a ") + noun;

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
