using Wisp.Cli;

return CommandFrame.Run(args, Console.Out, Console.Error, Environment.GetEnvironmentVariable);
