using System.CommandLine;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Wisp.Kernel.Remote;
using Wisp.Serve;
using Wisp.Serve.Store;

namespace Wisp.Cli;

/// <summary>The options of <c>wisp serve</c>.</summary>
internal sealed class ServeArguments
{
    private readonly Option<string> _model = Models.Option();

    private readonly Option<string[]> _folders = new("--models")
    {
        Description = "A folder whose models are served too, loaded when they are asked for; may be given again",
        HelpName = "DIR",
    };

    private readonly Option<string> _host = new("--host")
    {
        Description = "The address to listen on; 0.0.0.0 lets other machines in", HelpName = "IP",
        DefaultValueFactory = _ => "127.0.0.1",
    };

    private readonly Option<int> _port = Whole("--port", "The port to listen on; 0 takes a free one", 8080);

    private readonly Option<string[]> _keys = new("--api-key")
    {
        Description = $"A key that clients must send, also taken from {ServeCommand.KeyVariable}; may be given again",
        HelpName = "KEY",
    };

    private readonly Option<string[]> _origins = new("--cors")
    {
        Description = "The origin of a web page that may call, such as http://localhost:3000; * for all",
        HelpName = "ORIGIN",
    };

    private readonly Option<string[]> _names = new("--allow-host")
    {
        Description = "A name the server is called by beside localhost and its addresses; * for all", HelpName = "NAME",
    };

    private readonly Option<int> _context = Whole(
        "--context", "Tokens of one request, prompt and answer; 0 is what the model was trained for", 0);

    private readonly Option<int> _cache = Whole(
        "--cache", "Tokens of all requests whose keys and values are kept; 0 is four contexts", 0);

    private readonly Option<int> _parallel = Whole("--parallel", "Requests of a model that are worked on at once", 64);

    private readonly Option<int> _queue = Whole("--queue", "Requests that may wait beside them; more are refused", 256);

    private readonly Option<int> _loaded = Whole("--max-models", "Models in memory at once", 3);

    private readonly Option<double> _idle = new("--idle")
    {
        Description = "Minutes until a model that nobody asks for is unloaded; 0 keeps it", HelpName = "MINUTES",
        DefaultValueFactory = _ => 10,
    };

    private readonly Option<int> _threads = Whole(
        "--threads", "Threads that a model computes with; 0 means all cores", 0);

    private readonly Option<bool> _open = new("--open") { Description = "Open the page in a browser" };

    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Log warnings and errors only" };

    private readonly Option<bool> _json = new("--log-json") { Description = "Log one JSON object a line" };

    private readonly Option<bool> _content = new("--log-content")
    {
        Description = "Log what is asked and answered; without it the log holds no text of anybody",
    };

    private readonly LoadingArguments _loading;

    public ServeArguments(Verb command)
    {
        command.Add(_model);
        command.Add(_folders);
        command.Add(_open);
        command.Add("Network", _host, _port, _keys, _origins, _names);
        command.Add("Capacity", _context, _cache, _parallel, _queue, _loaded, _idle);
        command.Add("Speed and memory", _threads);
        _loading = new LoadingArguments(command, adapters: false);
        command.Add("Log", _quiet, _json, _content);
    }

    /// <exception cref="UserException">A value cannot be.</exception>
    public ServeOptions Options(ParseResult parse)
    {
        Require(_context, 0, int.MaxValue);
        Require(_cache, 0, int.MaxValue);
        Require(_parallel, 1, 4096);
        Require(_queue, 0, 1_000_000);
        Require(_loaded, 1, 1000);
        var idle = parse.GetValue(_idle);
        if (idle is not (>= 0 and <= 1e6))
            throw new UserException($"--idle is {idle}; it must be 0 (for ever) or more minutes.");
        var folder = Places.UserFolder(Environment.GetEnvironmentVariable);
        var options = new ServeOptions
        {
            Context = parse.GetValue(_context), CacheTokens = parse.GetValue(_cache), Kv = _loading.Kv(parse),
            Pack = _loading.Packs(parse), Threads = Threads.Count(parse.GetValue(_threads)),
            Parallel = parse.GetValue(_parallel), Queue = parse.GetValue(_queue),
            MaxLoaded = parse.GetValue(_loaded), IdleAfter = TimeSpan.FromMinutes(idle),
            LogContent = parse.GetValue(_content),
            Database = Path.Combine(folder, WispDatabase.FileName),
            UserFolder = folder, KernelSocket = KernelSocket.Path(Environment.GetEnvironmentVariable),
            OffersFiles = IPAddress.IsLoopback(Address(parse)) && parse.GetValue(_names) is null or [],
        };
        options.Models.Add(Models.FindForChat(parse.GetValue(_model)));
        foreach (var models in parse.GetValue(_folders) ?? [])
            options.Folders.Add(Directory.Exists(models) ? models
                : throw new UserException($"--models {models}: no such folder. Check the name."));
        foreach (var models in Places.ModelFolders(AppContext.BaseDirectory, Environment.GetEnvironmentVariable))
            options.Folders.Add(models);
        return options;

        void Require(Option<int> option, int least, int most)
        {
            if (parse.GetValue(option) is var found && (found < least || found > most))
                throw new UserException($"{option.Name} is {found}; it must be {least} or more" +
                    (most == int.MaxValue ? "." : $", and at most {most}."));
        }
    }

    /// <exception cref="UserException">A value cannot be.</exception>
    public ListenOptions Listen(ParseResult parse, Func<string, string?> environment)
    {
        var address = Address(parse);
        var port = parse.GetValue(_port);
        if (port is < 0 or > 65535)
            throw new UserException($"--port is {port}; it must be 0 (a free one) to 65535.");
        return new ListenOptions
        {
            Address = address, Port = port, ApiKeys = Keys(parse, environment),
            AllowedOrigins = parse.GetValue(_origins) ?? [], AllowedHosts = parse.GetValue(_names) ?? [],
            Logging = logging => Log(parse, logging),
        };
    }

    /// <summary>Whether the page is opened in a browser.</summary>
    public bool Opens(ParseResult parse) => parse.GetValue(_open);

    private IPAddress Address(ParseResult parse)
    {
        var host = parse.GetRequiredValue(_host);
        return host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out var given) ? given
            : throw new UserException($"--host is '{host}'; it must be an address such as 127.0.0.1, 0.0.0.0 or ::1.");
    }

    private List<string> Keys(ParseResult parse, Func<string, string?> environment)
    {
        List<string> keys = [.. parse.GetValue(_keys) ?? []];
        if (environment(ServeCommand.KeyVariable) is { Length: > 0 } set)
            keys.Add(set);
        return keys.Exists(key => key.Trim().Length == 0)
            ? throw new UserException("--api-key is empty; leave it out to serve without a key.") : keys;
    }

    // All of it goes to the error stream; what ASP.NET says of every request is left out.
    private void Log(ParseResult parse, ILoggingBuilder logging)
    {
        logging.SetMinimumLevel(parse.GetValue(_quiet) ? LogLevel.Warning : LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a failed start is one line of ours
        if (parse.GetValue(_json))
            logging.AddJsonConsole(json => json.TimestampFormat = "O");
        else
            logging.AddSimpleConsole(line =>
            {
                line.SingleLine = true;
                line.TimestampFormat = "HH:mm:ss ";
                line.ColorBehavior = LoggerColorBehavior.Default;
            });
        logging.Services.Configure<ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static Option<int> Whole(string name, string description, int fallback) => new(name)
    {
        Description = description, HelpName = "N", DefaultValueFactory = _ => fallback,
    };
}
