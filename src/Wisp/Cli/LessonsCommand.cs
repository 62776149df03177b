using System.CommandLine;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp train lessons</c>: writes conversations that the program makes itself.</summary>
internal static class LessonsCommand
{
    private const int MaxCount = 10_000_000;

    public static Command Create()
    {
        var count = new Option<int>("--count")
        {
            Description = "Conversations", DefaultValueFactory = _ => 20_000, HelpName = "N",
        };
        var seed = new Option<ulong>("--seed")
        {
            Description = "Other seeds give other conversations", DefaultValueFactory = _ => 1, HelpName = "N",
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
            "wisp train lessons --task arithmetic --right 0.6 --count 8000 --out sums.jsonl")
        {
            count, seed, task, right, file,
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
            ConversationFile.Write(path, parse.GetValue(task) is { } name
                ? VerifiableTask.Named(name).Demonstrations(conversations, share, parse.GetValue(seed))
                : LessonBook.Read(conversations, parse.GetValue(seed)));
            parse.InvocationConfiguration.Output.WriteLine(
                $"{path}: {Human.Count(conversations)} conversations, {Human.Bytes(new FileInfo(path).Length)}");
        });
        return command;
    }
}
