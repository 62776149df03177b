using System.Security.Cryptography;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>A model that answers prompts for somebody to compare.</summary>
internal sealed class LabelModel : IAsyncDisposable
{
    // Answers to one prompt share it, and a person reads one comparison at a time.
    private const int Requests = 8;

    private readonly ModelFile _file;
    private readonly ChatTemplate _template;
    private readonly PackedWeights _weights;
    private readonly WorkerPool _pool;
    private readonly Engine _engine;
    private readonly WispChatClient _client;

    /// <param name="name">What stands in the label file beside its hash.</param>
    /// <param name="progress">Stage, done, total.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or no chat model.</exception>
    public LabelModel(
        string path, string name, LabelSampling sampling, Action<string, long, long> progress,
        CancellationToken cancel)
    {
        Name = name;
        Hash = HashOf(path, progress, cancel);
        _file = ModelFile.Open(path);
        try
        {
            var tokenizer = _file.Tokenizer
                ?? throw new InvalidDataException($"{path}: holds no tokenizer, so it can read and write no text.");
            var template = ChatTemplateFiles.FromGguf(_file.Source) ?? throw new InvalidDataException(
                $"{path}: has no chat template, so it answers no prompts. Choose a chat model, or make one of it: " +
                "wisp train sft.");
            _template = template;
            _pool = new WorkerPool(sampling.Threads);
            _weights = _file.Pack(_pool, (done, total) => progress($"loading {name}", done, total), cancel);
            var context = Math.Min(_file.Config.Context, sampling.MostContext);
            _engine = new Engine(
                _weights.Weights, new EngineOptions { Context = context, MaxRequests = Requests }, _pool);
            _client = new WispChatClient(_engine, tokenizer, template, new ChatClientOptions
            {
                ModelId = name, Sampling = sampling.Sampling,
                MaxOutputTokens = Math.Min(sampling.Tokens, context - 1),
            });
        }
        catch
        {
            _weights?.Dispose();
            _pool?.Dispose();
            _file.Dispose();
            throw;
        }
    }

    public string Name { get; }

    /// <summary>SHA-256 of the file, or of all files of a folder.</summary>
    public string Hash { get; }

    /// <summary>Checks that the model will see all of the prompts.</summary>
    /// <exception cref="InvalidDataException">Its template leaves something out.</exception>
    public void Require(IEnumerable<Conversation> prompts)
    {
        foreach (var prompt in prompts)
            try
            {
                TemplateCheck.Require(_template, prompt);
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException($"{Name}: the prompt '{prompt.Turns[^1].Text}': {e.Message}", e);
            }
    }

    /// <summary>An answer; the same seed gives the same.</summary>
    /// <exception cref="ArgumentException">The prompt does not fit the model.</exception>
    public async Task<Candidate> AnswerAsync(Conversation prompt, ulong seed, CancellationToken cancel)
    {
        var response = await _client.GetResponseAsync(ChatMessages.Of(prompt), new ChatOptions
        {
            Seed = unchecked((long)seed), Tools = ChatMessages.ToolsOf(prompt),
        }, cancel).ConfigureAwait(false);
        return new Candidate(ChatMessages.TurnOf(response))
        {
            Model = Name, ModelHash = Hash, Seed = seed, WasCut = response.FinishReason == ChatFinishReason.Length,
        };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _engine.DisposeAsync().ConfigureAwait(false);
        _weights.Dispose();
        _pool.Dispose();
        _file.Dispose();
    }

    private static string HashOf(string path, Action<string, long, long> progress, CancellationToken cancel)
    {
        string[] files = File.Exists(path) ? [path]
            : [.. Directory.GetFiles(path).Order(StringComparer.Ordinal)];
        var (done, total) = (0L, files.Sum(file => new FileInfo(file).Length));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var file in files)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                cancel.ThrowIfCancellationRequested();
                hash.AppendData(buffer.AsSpan(0, read));
                done += read;
                progress($"hashing {Path.GetFileName(path)}", done, total);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>How candidates are sampled.</summary>
/// <param name="Tokens">The most of an answer.</param>
internal sealed record LabelSampling(Sampling Sampling, int Tokens, int Threads)
{
    /// <summary>Keys and values of longer ones would take memory that few prompts need.</summary>
    public int MostContext { get; init; } = 8192;
}
