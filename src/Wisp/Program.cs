using Wisp.Cli;

return SimdLevel.Rerun(args, Console.Error)
    ?? CommandFrame.Run(args, Terminal.StandardOutput(), Console.Error, Environment.GetEnvironmentVariable);
