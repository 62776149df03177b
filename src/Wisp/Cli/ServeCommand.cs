using System.CommandLine;
using System.Net;
using Wisp.Serve;

namespace Wisp.Cli;

/// <summary><c>wisp serve</c>: the models behind the APIs that existing clients speak.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Verb(
            "serve", "Serve models to programs, over the APIs of OpenAI, Ollama and llama.cpp", "Use", "wisp serve",
            "wisp serve -m qwen3.gguf --models ~/models --port 9000");
        var model = Models.Option();
        var folder = new Option<string[]>("--models")
        {
            Description = "A folder whose models are served too; may be given again", HelpName = "DIR",
        };
        var host = new Option<string>("--host")
        {
            Description = "The address to listen on; 0.0.0.0 lets others in", HelpName = "IP",
            DefaultValueFactory = _ => "127.0.0.1",
        };
        var port = new Option<int>("--port")
        {
            Description = "The port to listen on; 0 takes a free one", HelpName = "N", DefaultValueFactory = _ => 8080,
        };
        command.Add(model);
        command.Add(folder);
        command.Add("Network", host, port);
        command.SetAction((parse, cancel) => Run(parse, new ServeOptions
        {
            Models = { Models.Find(parse.GetValue(model)) },
        }, new ListenOptions { Address = IPAddress.Parse(parse.GetRequiredValue(host)), Port = parse.GetValue(port) },
            cancel));
        return command;
    }

    private static async Task<int> Run(
        ParseResult parse, ServeOptions options, ListenOptions listen, CancellationToken cancel)
    {
        var error = parse.InvocationConfiguration.Error;
        await using var server = await WispServer.Start(options, listen, cancel);
        error.WriteLine($"wisp: listening on {server.Address}");
        try
        {
            await server.Ready.WaitAsync(cancel);
            error.WriteLine("wisp: ready");
            await Task.Delay(Timeout.Infinite, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
        }

        await server.Stop(CancellationToken.None);
        return 0;
    }
}
