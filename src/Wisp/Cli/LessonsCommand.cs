using System.CommandLine;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp train lessons</c>: writes conversations, pairs and text that the program makes itself.</summary>
internal static class LessonsCommand
{
    private const int MaxCount = 10_000_000;

    public static Command Create()
    {
        var count = new Option<int>("--count")
        {
            Description = "Conversations, pairs or texts", DefaultValueFactory = _ => 20_000, HelpName = "N",
        };
        var kind = new Option<string>("--kind")
        {
            Description = "conversations; pairs of a better and a worse answer; or text to pretrain on",
            DefaultValueFactory = _ => "conversations", HelpName = "KIND",
        };
        kind.AcceptOnlyFromAmong("conversations", "pairs", "text");
        var seed = new Option<ulong>("--seed")
        {
            Description = "Other seeds give other ones", DefaultValueFactory = _ => 1, HelpName = "N",
        };
        var file = new Option<string>("--out", "-o")
        {
            Description = "The file to write", DefaultValueFactory = _ => "lessons.jsonl", HelpName = "FILE",
        };
        var task = new Option<string>("--task")
        {
            Description = "Problems of a task with answers instead: " +
                string.Join(" or ", VerifiableTask.All.Select(known => known.Name)), HelpName = "NAME",
        };
        var right = new Option<double>("--right")
        {
            Description = "With --task: how often the teacher who answers is right", DefaultValueFactory = _ => 1,
            HelpName = "SHARE",
        };
        var command = new Verb(
            "lessons", "Write conversations to learn from: sums, small talk, errands, tales", "Train",
            "wisp train lessons --count 20000 --out lessons.jsonl",
            "wisp train lessons --kind pairs --count 4000 --out pairs.jsonl",
            "wisp train lessons --task arithmetic --right 0.6 --count 8000 --out sums.jsonl")
        {
            count, kind, seed, task, right, file,
        };
        command.SetAction(parse =>
        {
            var conversations = parse.GetValue(count);
            if (conversations is < 1 or > MaxCount)
                throw new UserException($"--count is {conversations}; the range is 1 to {Human.Count(MaxCount)}.");
            var path = parse.GetRequiredValue(file);
            var share = parse.GetValue(right);
            if (share is not (>= 0 and <= 1))
                throw new UserException($"--right is {share}; the range is 0 to 1.");
            var name = parse.GetValue(task);
            if (name is not null && parse.GetRequiredValue(kind) != "conversations")
                throw new UserException("--task makes conversations; leave --kind out.");
            Places.Make(Path.GetDirectoryName(Path.GetFullPath(path))!);
            if (name is not null)
                ConversationFile.Write(
                    path, VerifiableTask.Named(name).Demonstrations(conversations, share, parse.GetValue(seed)));
            else
                Write(path, parse.GetRequiredValue(kind), conversations, parse.GetValue(seed));
            parse.InvocationConfiguration.Output.WriteLine(
                $"{path}: {Human.Count(conversations)} {parse.GetValue(kind)}, " +
                $"{Human.Bytes(new FileInfo(path).Length)}");
        });
        return command;
    }

    private static void Write(string path, string kind, int count, ulong seed)
    {
        if (kind == "pairs")
            ConversationFile.Write(path, LessonPairs.Read(count, seed));
        else if (kind == "text")
            ConversationFile.WriteTexts(path, LessonText.Read(count, seed));
        else
            ConversationFile.Write(path, LessonBook.Read(count, seed));
    }
}
