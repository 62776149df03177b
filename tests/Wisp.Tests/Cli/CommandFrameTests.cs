using System.CommandLine;
using System.Text.Json;
using Wisp.Cli;

namespace Wisp.Tests.Cli;

public class CommandFrameTests
{
    private static (int Code, string Out, string Error) Run(RootCommand root, string[] args, string? trace = null)
    {
        using StringWriter output = new(), error = new();
        var code = CommandFrame.Run(root, args, output, error, name => name == "WISP_TRACE" ? trace : null);
        return (code, output.ToString(), error.ToString());
    }

    private static (int Code, string Out, string Error) Run(params string[] args) => Run(WispCommand.Create(), args);

    private static RootCommand Root(Action<ParseResult> act)
    {
        var root = WispCommand.Create();
        var command = new Verb("act", "Acts.", "Tests", "wisp act --count 3")
        {
            new Option<int>("--count", "-c") { Description = "How often.", DefaultValueFactory = _ => 2 },
            new Option<string>("--text", "-p") { Description = "The prompt." },
        };
        command.SetAction(act);
        root.Add(command);
        root.Add(new Command("group", "Groups.") { new Command("inner", "Is inside.") });
        return root;
    }

    [Fact]
    public void Bare_wisp_welcomes_with_its_commands()
    {
        var (code, output, error) = Run();
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("Usage: wisp COMMAND", output, StringComparison.Ordinal);
        Assert.Contains("doctor", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_of_a_command_shows_options_defaults_and_examples()
    {
        var expected = """
            Acts.

            Usage: wisp act [OPTIONS]

            Options
              -c, --count COUNT  How often. [default: 2]
              -p, --text TEXT    The prompt.

            Examples
              wisp act --count 3

            """;
        Assert.Equal((0, expected, ""), Run(Root(_ => { }), ["act", "--help"]));
    }

    [Theory]
    [InlineData(40), InlineData(80), InlineData(200)]
    public void Help_fits_the_terminal(int width)
    {
        var root = Root(_ => { });
        foreach (var command in root.Subcommands.Prepend<Command>(root))
        {
            var (screen, console) = Screen.Of(width); // fails on a character beyond its last column
            HelpPage.Write(console, command);
            Assert.NotEqual("", screen.Rows[0]);
        }
    }

    [Fact]
    public void The_version_is_one_line() => Assert.Matches(@"^wisp \d+\.\d+\.\d+( \(\w+\))?\n$", Run("--version").Out);

    [Theory]
    [InlineData("wisp: unknown command 'docter'. Did you mean 'doctor'? See wisp --help.\n", "docter")]
    [InlineData("wisp: unknown command 'xyzzy'. See wisp --help.\n", "xyzzy")]
    [InlineData("wisp: unknown command '@file'. See wisp --help.\n", "@file")]
    [InlineData("wisp: unknown option '--conut'. Did you mean '--count'? See wisp act --help.\n",
        "act", "--conut", "3")]
    [InlineData("wisp: 'wisp group' needs one of: inner. See wisp group --help.\n", "group")]
    [InlineData("wisp: unknown command 'iner'. Did you mean 'inner'? See wisp group --help.\n", "group", "iner")]
    public void A_usage_error_is_one_line_with_a_way_out(string expected, params string[] args) =>
        Assert.Equal((2, "", expected), Run(Root(_ => { }), args));

    [Fact]
    public void A_bad_value_is_a_usage_error()
    {
        var (code, _, error) = Run(Root(_ => { }), ["act", "--count", "many"]);
        Assert.Equal(2, code);
        Assert.Matches(@"^wisp: .*many.* See wisp act --help\.\n$", error);
    }

    [Fact]
    public void A_prompt_may_look_like_anything()
    {
        string? seen = null;
        var root = Root(parse => seen = parse.GetValue<string>("--text"));
        foreach (var prompt in new[] { "@home", "[diagram]", "a=b", "-5 degrees", "" })
        {
            Assert.Equal((0, "", ""), Run(root, ["act", "-p", prompt]));
            Assert.Equal(prompt, seen);
        }
    }

    public static TheoryData<Exception, string> Failures => new()
    {
        { new UserException("m.gguf: no such model. Train one first."), "m.gguf: no such model. Train one first." },
        {
            new InvalidDataException("m.gguf: damaged\nat byte 5. Get it again."),
            "m.gguf: damaged at byte 5. Get it again."
        },
        { new FileNotFoundException("Could not find file 'x'.", "x"), "x: no such file. Check the name." },
        {
            new DirectoryNotFoundException("Could not find a part of the path '/a/b'."),
            "/a/b: no such folder. Check the name."
        },
        {
            new UnauthorizedAccessException("Access to the path '/a/b' is denied."),
            "/a/b: access is denied. Check its permissions (ls -l), or choose another place."
        },
        {
            new IOException("No space left on device : '/a/b'", 28),
            "/a/b: no space left to write. Free some space, then run the same command again."
        },
        { new ArgumentException("a width of 7 is odd.", "width"), "a width of 7 is odd." },
        { new ArgumentOutOfRangeException("width", 7, "must be even."), "must be even." },
        { new AggregateException(new IOException("the pipe broke")), "the pipe broke" },
        { new IOException("bad name \e[31m"), "bad name ␛[31m" },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void A_failure_is_one_line_and_exit_code_1(Exception fault, string line) =>
        Assert.Equal((1, "", $"wisp: {line}\n"), Run(Root(_ => throw fault), ["act"]));

    [Fact]
    public void A_fault_of_the_program_says_how_to_trace_it()
    {
        var root = Root(_ => throw new InvalidOperationException("the roof is open"));
        var (code, _, error) = Run(root, ["act"]);
        Assert.Equal(1, code);
        Assert.Equal(2, error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("WISP_TRACE=1", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);

        Assert.Contains("   at ", Run(root, ["act"], trace: "1").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_system_itself_gives_clear_lines()
    {
        Assert.Equal(
            "wisp: /nowhere/x: no such folder. Check the name.\n",
            Run(Root(_ => File.OpenRead("/nowhere/x").Dispose()), ["act"]).Error);
        var folder = Path.GetTempPath().TrimEnd('/');
        var error = Run(Root(_ => File.OpenRead(folder).Dispose()), ["act"]).Error;
        Assert.StartsWith($"wisp: {folder}: is a folder", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_describes_this_machine_as_text_and_json()
    {
        var text = Run("doctor", "--no-measure");
        Assert.Equal((0, ""), (text.Code, text.Error));
        Assert.Contains("All that wisp needs is here.", text.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Out.Split('\n'), line => line.EndsWith(' '));

        using var json = JsonDocument.Parse(Run("doctor", "--no-measure", "--json").Out);
        Assert.Equal(Environment.ProcessorCount, json.RootElement.GetProperty("cores").GetInt32());
        Assert.NotEmpty(json.RootElement.GetProperty("cpu").GetString()!);
    }

    [Fact]
    public void Bench_needs_the_sources_and_dotnet()
    {
        var here = AppContext.BaseDirectory;
        var alone = Assert.Throws<UserException>(() => BenchCommand.StartInfo("/", [], _ => "/d"));
        Assert.Contains("Clone the repository", alone.Message, StringComparison.Ordinal);
        var bare = Assert.Throws<UserException>(() => BenchCommand.StartInfo(here, [], _ => null));
        Assert.Contains("dot.net", bare.Message, StringComparison.Ordinal);
        var start = BenchCommand.StartInfo(here, ["train", "--help"], _ => "/d");
        Assert.Equal(["--", "train", "--help"], start.ArgumentList.TakeLast(3));
    }

    [Theory]
    [InlineData("/data", "/home/a", "/data/wisp")]
    [InlineData("relative", "/home/a", "/home/a/.local/share/wisp")]
    [InlineData(null, "/home/a", "/home/a/.local/share/wisp")]
    public void User_data_follows_the_desktop_rules(string? data, string home, string expected) =>
        Assert.Equal(expected, Places.UserFolder(
            name => name switch { "XDG_DATA_HOME" => data, "HOME" => home, _ => null }));
}
