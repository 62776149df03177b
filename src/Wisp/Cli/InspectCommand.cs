using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Cli;

/// <summary><c>wisp inspect [MODEL]</c>: what a model file holds.</summary>
internal static class InspectCommand
{
    private const int ShownLength = 64; // characters of a value, without --all; fewer where the terminal is narrow
    private const int LeastLength = 20; // below it the columns give way to lines of their own
    private const int ShownItems = 8; // of an array in JSON, without --all

    /// <param name="console">Where to write; the terminal unless told otherwise.</param>
    public static Command Create(IAnsiConsole? console = null)
    {
        var name = new Argument<string?>("MODEL")
        {
            Description = "A GGUF file or shard, a Hugging Face folder, a llama2.c .bin file, the folder of a run, " +
                "or a name in a model folder; without it the default model",
            Arity = ArgumentArity.ZeroOrOne,
        };
        // Every other command names its model so; whoever types it here is understood.
        var model = new Option<string?>("--model", "-m") { Hidden = true };
        var all = new Option<bool>("--all") { Description = "Show long texts and lists whole" };
        var json = new Option<bool>("--json") { Description = "Write JSON" };
        var command = new Verb("inspect", "Show what a model file holds: metadata, tensors, totals", "Models",
            "wisp inspect", "wisp inspect runs/books/model.gguf --json")
        {
            name, model, all, json,
        };
        command.SetAction(result =>
        {
            var to = console ?? Terminal.On(result.InvocationConfiguration.Output);
            using var gguf = Gguf.Open(Models.Find(result.GetValue(name) ?? result.GetValue(model)));
            if (result.GetValue(json))
                WriteJson(gguf, to.Profile.Out.Writer, result.GetValue(all));
            else
                Show(gguf, to, result.GetValue(all));
        });
        return command;
    }

    internal static void Show(Gguf gguf, IAnsiConsole console, bool all)
    {
        // A pipe has no edge to wrap at: one line a value, for grep.
        var width = console.Profile.Width;
        if (!console.Profile.Out.IsTerminal)
            console.Profile.Width = 1 << 24;

        console.WriteLine($"{Printable(gguf.Path)}: {gguf.Container}, {Count(gguf.Length, "byte")}, " +
            $"{Count(gguf.Metadata.Count, "metadata pair")}, {Count(gguf.Tensors.Count, "tensor")}");
        if (gguf.Metadata.Count > 0)
            WriteMetadata(gguf, console, all);
        if (gguf.Tensors.Count > 0)
        {
            console.Write(Tensors(gguf));
            console.Write(Totals(gguf));
        }

        console.Profile.Width = width;
    }

    private static void WriteMetadata(Gguf gguf, IAnsiConsole console, bool all)
    {
        var rows = gguf.Metadata.Select(pair => (pair.Key, Type: pair.Value.Type == GgufType.Array
            ? $"{GgufValue.NameOf(pair.Value.Item)} x {pair.Value.Count}" : pair.Value.TypeName, pair.Value)).ToList();
        const int gaps = 10; // blanks around and between three columns
        var room = console.Profile.Width - rows.Max(r => r.Key.Length) - rows.Max(r => r.Type.Length) - gaps;
        if (room < LeastLength)
        {
            foreach (var (key, type, value) in rows)
            {
                var start = $"{Printable(key)} ({type}) = ";
                var length = Math.Max(LeastLength, console.Profile.Width - start.Length);
                console.Write(new Text(start + Text(gguf, value, all, length) + "\n"));
            }

            return;
        }

        var table = NewTable(("key", false), ("type", false), ("value", false));
        foreach (var (key, type, value) in rows)
            table.AddRow(Cell(key), Cell(type), Cell(Text(gguf, value, all, Math.Min(room, ShownLength))));
        console.Write(table);
    }

    private static Table Tensors(Gguf gguf)
    {
        var table = NewTable(("tensor", false), ("shape", true), ("type", false), ("bytes", true));
        foreach (var tensor in gguf.Tensors)
            table.AddRow(Cell(tensor.Name), Cell(string.Join(" x ", tensor.Shape)), Cell(tensor.DType.Name()),
                Cell($"{tensor.Bytes:n0}"));
        return table;
    }

    private static Table Totals(Gguf gguf)
    {
        var table = NewTable(
            ("total", false), ("tensors", true), ("parameters", true), ("bytes", true), ("bits each", true));
        foreach (var group in gguf.Tensors.GroupBy(t => t.DType).OrderByDescending(g => g.Sum(t => (decimal)t.Bytes)))
            AddRow(group.Key.Name(), [.. group]);
        if (table.Rows.Count > 1)
            AddRow("all", gguf.Tensors);
        return table;

        void AddRow(string name, IReadOnlyList<GgufTensor> tensors)
        {
            var (parameters, bytes) = Sums(tensors);
            table.AddRow(Cell(name), Cell($"{tensors.Count:n0}"), Cell($"{parameters:n0}"), Cell($"{bytes:n0}"),
                Cell($"{BitsEach(parameters, bytes):0.00}"));
        }
    }

    internal static void WriteJson(Gguf gguf, TextWriter output, bool all)
    {
        var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            var (parameters, bytes) = Sums(gguf.Tensors);
            json.WriteStartObject();
            json.WriteString("file", gguf.Path);
            json.WriteString("container", gguf.Container);
            json.WriteNumber("version", gguf.Version);
            json.WriteNumber("bytes", gguf.Length);
            json.WriteNumber("alignment", gguf.Alignment);
            json.WriteNumber("parameters", parameters);
            json.WriteNumber("tensor_bytes", bytes);
            json.WriteNumber("bits_per_weight", Math.Round(BitsEach(parameters, bytes), 4));
            json.WriteStartObject("types");
            foreach (var group in gguf.Tensors.GroupBy(t => t.DType).OrderBy(g => g.Key))
            {
                var sums = Sums([.. group]);
                json.WriteStartObject(group.Key.Name());
                json.WriteNumber("tensors", group.Count());
                json.WriteNumber("parameters", sums.Parameters);
                json.WriteNumber("bytes", sums.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteStartArray("metadata");
            foreach (var (key, value) in gguf.Metadata)
                WritePair(json, gguf, key, value, all);
            json.WriteEndArray();
            json.WriteStartArray("tensors");
            foreach (var tensor in gguf.Tensors)
            {
                json.WriteStartObject();
                json.WriteString("name", tensor.Name);
                json.WritePropertyName("shape");
                json.WriteRawValue($"[{string.Join(", ", tensor.Shape)}]"); // on one line
                json.WriteString("type", tensor.DType.Name());
                json.WriteNumber("offset", tensor.Offset);
                json.WriteNumber("bytes", tensor.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    }

    private static void WritePair(Utf8JsonWriter json, Gguf gguf, string key, GgufValue value, bool all)
    {
        json.WriteStartObject();
        json.WriteString("key", key);
        json.WriteString("type", value.TypeName);
        if (value.Type == GgufType.Array)
        {
            // Fewer items than the count: the rest is left out, and --all brings it.
            json.WriteNumber("count", value.Count);
            json.WriteStartArray("value");
            foreach (var item in gguf.Items(value).Take(all ? value.Count : ShownItems))
                WriteItem(json, item);
            json.WriteEndArray();
        }
        else
        {
            json.WritePropertyName("value");
            WriteItem(json, gguf.Items(value).Single());
        }

        json.WriteEndObject();
    }

    private static void WriteItem(Utf8JsonWriter json, object item)
    {
        switch (item)
        {
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case float number when float.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            default: // JSON knows no infinity
                json.WriteStringValue(Convert.ToString(item, CultureInfo.InvariantCulture));
                break;
        }
    }

    // One line: a text as it is, the items of a list with commas; cut at the length unless all is asked for.
    private static string Text(Gguf gguf, GgufValue value, bool all, int length)
    {
        var text = new StringBuilder();
        foreach (var item in gguf.Items(value))
        {
            if (text.Length > 0)
                text.Append(", ");
            text.Append(item switch
            {
                // In a list quotes tell an empty text and one of blanks from nothing.
                string s when value.Type == GgufType.Array => $"\"{Printable(Cut(s)).Replace("\"", "\\\"")}\"",
                string s => Printable(Cut(s)),
                bool flag => flag ? "true" : "false",
                _ => Convert.ToString(item, CultureInfo.InvariantCulture),
            });
            if (!all && text.Length > length)
                break;
        }

        return all || text.Length <= length ? text.ToString() : text.ToString(0, length - 1) + "…";

        // Printing is the slow part of a text of megabytes, so what will not be shown goes first.
        string Cut(string s) => all || s.Length <= length ? s : s[..(length + 1)];
    }

    /// <summary>Text from a file, made harmless: control characters, line ends among them, become escapes.</summary>
    private static string Printable(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (var c in text)
            _ = c switch
            {
                '\n' => shown.Append(@"\n"),
                '\r' => shown.Append(@"\r"),
                '\t' => shown.Append(@"\t"),
                // Format characters too: they can reverse the direction of the rest of the line.
                _ when char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or
                    UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator =>
                        shown.Append($"\\u{(int)c:x4}"),
                _ => shown.Append(c),
            };
        return shown.ToString();
    }

    private static Table NewTable(params (string Name, bool Right)[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var (name, right) in columns)
            table.AddColumn(new TableColumn(name) { Alignment = right ? Justify.Right : Justify.Left });
        return table;
    }

    // Text, not markup: a name with brackets in it is shown as it is.
    private static Text Cell(string text) => new(Printable(text));

    private static string Count(long n, string what) => $"{n:n0} {what}{(n == 1 ? "" : "s")}";

    private static (long Parameters, long Bytes) Sums(IReadOnlyList<GgufTensor> tensors) =>
        (tensors.Sum(t => t.Elements), tensors.Sum(t => t.Bytes));

    private static double BitsEach(long parameters, long bytes) => parameters == 0 ? 0 : 8.0 * bytes / parameters;
}
