using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using Wisp.Serve;

namespace Wisp.Cli;

/// <summary><c>wisp serve</c>: the models behind the APIs that existing clients speak.</summary>
internal static class ServeCommand
{
    /// <summary>The variable that a key is taken from, so that it need not stand in the list of processes.</summary>
    public const string KeyVariable = "WISP_API_KEY";

    public static Command Create()
    {
        var command = new Verb(
            "serve", "Serve models to programs, over the APIs of OpenAI, Ollama and llama.cpp", "Use", "wisp serve",
            "wisp serve -m qwen3.gguf --models ~/models --port 9000",
            "curl 127.0.0.1:8080/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}'");
        var arguments = new ServeArguments(command);
        command.SetAction((parse, cancel) => Run(parse, arguments, cancel));
        return command;
    }

    private static async Task<int> Run(ParseResult parse, ServeArguments arguments, CancellationToken cancel)
    {
        var error = parse.InvocationConfiguration.Error;
        var options = arguments.Options(parse);
        using var telemetry = ServeTelemetry.Start(Environment.GetEnvironmentVariable);
        var listen = arguments.Listen(parse, Environment.GetEnvironmentVariable);
        await using var server = await Listen(options, listen, cancel);
        error.WriteLine($"wisp: {server.Address} is open; loading {options.Models[0]} ...");
        try
        {
            await server.Ready.WaitAsync(cancel);
            error.WriteLine(Welcome(server, listen.ApiKeys.Count > 0));
            if (arguments.Opens(parse))
                Browse(server.Address, error);
            await Task.Delay(Timeout.Infinite, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            error.WriteLine("wisp: finishing the answers that are being written; Ctrl-C again ends them");
        }
        catch (Exception e) when (server.Ready.IsFaulted)
        {
            throw new UserException(e.Message, e);
        }

        await server.Stop(CancellationToken.None);
        return 0;
    }

    private static async Task<WispServer> Listen(
        ServeOptions options, ListenOptions listen, CancellationToken cancel)
    {
        try
        {
            return await WispServer.Start(options, listen, cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new UserException($"{listen.Address}:{listen.Port} cannot be listened on: another program has it, " +
                "or this machine has no such address. Choose another with --port or --host.", e);
        }
    }

    private static void Browse(Uri page, TextWriter error)
    {
        try
        {
            using var browser = Process.Start(new ProcessStartInfo(page.ToString()) { UseShellExecute = true });
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            error.WriteLine($"wisp: no browser could be opened ({e.Message}); open {page} yourself");
        }
    }

    private static string Welcome(WispServer server, bool hasKeys)
    {
        var at = server.Address.ToString().TrimEnd('/');
        return string.Join('\n',
            $"wisp: ready: {server.Describe()}",
            $"  The page    {at}",
            $"  OpenAI      {at}/v1",
            $"  Ollama      {at}",
            $"  llama.cpp   {at}/health, /metrics, /tokenize ...",
            hasKeys ? "  A key is needed: Authorization: Bearer KEY"
                : server.Address.IsLoopback ? "  Open to programs on this machine; --api-key asks for a key"
                : "  Open to everyone who can reach this address; --api-key asks for a key",
            "  Ctrl-C stops it");
    }
}
