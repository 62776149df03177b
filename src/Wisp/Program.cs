using Wisp.Cli;

return CommandFrame.Run(args, Terminal.StandardOutput(), Console.Error, Environment.GetEnvironmentVariable);
