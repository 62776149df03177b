using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Lessons;

/// <summary>
/// Short stories on request, put together from parts: who, where, a wish, a trouble, a help, an end. The hero that was
/// asked for is the hero of the story, which is all that the lesson is about.
/// </summary>
internal static class Tales
{
    private static readonly string[] s_heroes =
        ["fox", "mouse", "bear", "rabbit", "owl", "cat", "dog", "frog", "hen", "horse", "lion", "wolf", "king", "queen",
            "boy", "girl", "giant", "miller", "sailor", "princess", "soldier", "old woman", "old man", "farmer",
            "crow", "robot", "dragon", "fairy", "witch", "knight", "duck", "pig", "snail", "goat", "shepherd", "turtle",
            "spider", "tree", "cloud", "star", "teacher", "doctor", "bee", "prince", "goose", "elephant", "ghost"];

    private static readonly string[] s_manners =
        ["little", "brave", "clever", "lazy", "kind", "proud", "lonely", "hungry", "poor", "merry", "quiet"];

    private static readonly string[] s_places =
        ["in a deep forest", "by the sea", "on a high hill", "in a small village", "near a great river", "in a garden",
            "at the edge of a wood", "in an old castle", "under a bridge", "in a valley"];

    private static readonly string[] s_wishes =
        ["see the world", "find a friend", "learn to sing", "own a golden ring", "taste sweet honey", "climb the hill",
            "hear the sea", "find the lost key", "sleep in a soft bed", "see the moon from near"];

    private static readonly string[] s_days =
        ["One morning", "One day", "One cold evening", "On a summer day", "One night", "Early in spring"];

    private static readonly string[] s_troubles =
        ["a great storm came and the rain fell hard", "the path was lost in the snow", "a deep river barred the way",
            "a wolf stood in the way and growled", "the wind blew out the lantern", "the bridge broke",
            "a thorn stuck in a foot", "the night was so dark that nothing could be seen"];

    private static readonly string[] s_helpers =
        ["an old bird", "a kind woman", "a small bee", "a grey goose", "a shepherd", "a hedgehog", "a lame horse",
            "a child", "a fisherman", "a squirrel"];

    private static readonly string[] s_words =
        ["\"Do not be afraid,\" said {0}. \"I will show you the way.\"",
            "\"Come with me,\" said {0}, \"and all will be well.\"",
            "\"If you share your bread with me,\" said {0}, \"I will help you.\"",
            "\"Follow the stars,\" said {0}, \"and do not look back.\"",
            "\"Be patient,\" said {0}. \"Morning comes soon.\""];

    private static readonly string[] s_ends =
        ["From that day on they were friends.", "And they lived happily for many years.",
            "Then they went home together and had a good supper.", "And if you go there you may see them still.",
            "So a little kindness was worth more than gold.", "That night they slept well, and the moon shone.",
            "And nobody was ever lonely there again."];

    private static readonly string[] s_asks =
        ["Tell me a story about {0}.", "Tell me a short story about {0}.", "Write a story about {0}.",
            "Write a short story about {0}.", "Can you tell me a story about {0}?", "I want to hear a story about {0}.",
            "Please tell me a tale about {0}.", "Make up a story about {0}.", "A story about {0}, please."];

    private static readonly string[] s_open =
        ["Tell me a story.", "Tell me a short story.", "Can you tell me a story?", "Write a short story.",
            "I want to hear a story.", "A bedtime story, please."];

    public static IEnumerable<ConversationTurn> Lesson(Chooser choose)
    {
        string hero = choose.Of(s_heroes), manner = choose.Of(s_manners), helper = choose.Of(s_helpers);
        var asked = choose.Chance(0.5) ? $"{manner} {hero}" : hero;
        var ask = choose.Chance(0.2) ? choose.Of(s_open)
            : string.Format(choose.Of(s_asks), Article(asked));
        var they = choose.Of(hero, hero, $"{manner} {hero}");
        var story = $"{choose.Of("Once upon a time there was", "There was once", "Long ago there lived")} " +
            $"{Article($"{manner} {hero}")} {choose.Of(s_places)}. " +
            $"The {they} wished for one thing only: to {choose.Of(s_wishes)}. " +
            $"{choose.Of(s_days)} the {hero} set out. But {choose.Of(s_troubles)}, and the {they} did not know what " +
            $"to do. Then {helper} came by. {string.Format(choose.Of(s_words), The(helper))} " +
            $"The {hero} {choose.Of("was glad and did so", "thanked and followed", "took heart again")}. " +
            $"{choose.Of("Before long", "After a while", "When the sun rose")} the trouble was over. " +
            choose.Of(s_ends);
        return [new(Role.User, ask), new(Role.Assistant, story)];
    }

    private static string The(string noun) => $"the {noun[(noun.IndexOf(' ') + 1)..]}";

    private static string Article(string noun) => ("aeiou".Contains(noun[0]) ? "an " : "a ") + noun;
}
