using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Cli;

/// <summary>The options of everything that runs a model: how its weights and its keys and values are kept.</summary>
internal sealed class LoadingArguments
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private static readonly string[] s_types = ["f32", "f16", "q8"];

    private readonly Option<string> _kv = new("--kv")
    {
        Description = "How keys and values are kept: f32 as computed, f16 in half the memory, q8 in a quarter",
        HelpName = string.Join('|', s_types),
        DefaultValueFactory = _ => "f16",
    };

    private readonly Option<bool> _noRepack = new("--no-repack")
    {
        Description = "Compute from the file as it is: starts at once and takes no memory for a copy, but runs slower",
    };

    private readonly Option<string?> _lora = new("--lora")
    {
        Description = "A LoRA adapter (GGUF) to change the model with; FILE:0.5 takes half of the change",
        HelpName = "FILE",
    };

    /// <param name="adapters">Whether one may be asked for.</param>
    public LoadingArguments(Verb command, bool adapters = true)
    {
        command.Add("Speed and memory", _kv, _noRepack);
        if (adapters)
            command.Add(_lora);
    }

    /// <summary>Whether weights are packed as they are loaded.</summary>
    public bool Packs(ParseResult parse) => !parse.GetValue(_noRepack);

    /// <summary>The adapter that was asked for, or null.</summary>
    public LoraAdapter? Adapter(ParseResult parse, ModelFile model)
    {
        if (parse.GetValue(_lora) is not { } given)
            return null;
        var colon = given.LastIndexOf(':');
        var scale = 1f;
        // A path may hold a colon; what stands after the last is a scale only where it is a number.
        if (colon > 0 && float.TryParse(given[(colon + 1)..], CultureInfo.InvariantCulture, out scale))
            given = given[..colon];
        else
            scale = 1;
        if (!File.Exists(given))
            throw new UserException($"--lora {given}: no such file.");
        return LoraAdapter.Open(given, model.Weights, scale);
    }

    public KvType Kv(ParseResult parse) => parse.GetRequiredValue(_kv).ToLowerInvariant() switch
    {
        "f32" => KvType.F32,
        "f16" => KvType.F16,
        "q8" => KvType.Q8,
        var other => throw new UserException($"--kv is '{other}'; it must be one of {string.Join(", ", s_types)}."),
    };

    /// <summary>A packed copy of the weights, with its progress on the error stream; null where none is
    /// wanted.</summary>
    public PackedWeights? Pack(ParseResult parse, ModelFile model, WorkerPool pool, CancellationToken cancel)
    {
        if (!Packs(parse))
            return null;
        ProgressLine? line = null; // only where there is something to wait for
        var begin = Stopwatch.GetTimestamp();
        try
        {
            return model.Pack(pool, Report, cancel);
        }
        finally
        {
            line?.Dispose();
        }

        void Report(long done, long total)
        {
            if (Stopwatch.GetElapsedTime(begin) > s_patience && done < total)
                line ??= new ProgressLine(Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
            line?.Report("loading", done, total);
        }
    }
}
