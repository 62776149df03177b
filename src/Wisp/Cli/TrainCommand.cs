using System.CommandLine;
using Wisp.Cli.Recipes;
using Wisp.Train.Align;

namespace Wisp.Cli;

/// <summary><c>wisp train</c>: the stages by which text becomes a model.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = new Verb("train", "Train a tokenizer or a model", "Train",
            "wisp train pretrain --data books/ --size 3M --minutes 10")
        {
            TrainTokenizerCommand.Create(),
            PretrainCommand.Create(),
            LessonsCommand.Create(),
            SftCommand.Create(),
            PairCommand.CreateReward(),
            PairCommand.CreateDpo(),
            PolicyCommand.Create(TuningStage.Grpo),
            PolicyCommand.Create(TuningStage.Ppo),
            ImproveCommand.Create(),
            AllCommand.Create(),
            CardCommand.Create(),
        };
        return command;
    }
}
