using Wisp.Compute;

namespace Wisp.Serve;

/// <summary>What is served and how much it may take; the defaults suit one person's machine.</summary>
public sealed class ServeOptions
{
    /// <summary>Model files and folders that are served beside those in <see cref="Folders"/>.</summary>
    public IList<string> Models { get; } = [];

    /// <summary>Folders whose models are served by name; looked through again at every list of models.</summary>
    public IList<string> Folders { get; } = [];

    /// <summary>
    /// The model that is loaded at the start and answers where a request names none; null means the first of
    /// <see cref="Models"/>, and where there is none no model.
    /// </summary>
    public string? DefaultModel { get; set; }

    /// <summary>Tokens of one request, prompt and answer together; 0 means what the model was trained for.</summary>
    public int Context { get; set; }

    /// <summary>Tokens of all requests of a model whose keys and values are kept; 0 means four contexts.</summary>
    public int CacheTokens { get; set; }

    /// <summary>How keys and values are kept.</summary>
    public KvType Kv { get; set; } = KvType.F16;

    /// <summary>Whether weights are packed for speed as they are loaded, in memory of their own.</summary>
    public bool Pack { get; set; } = true;

    /// <summary>Threads that a model computes with; 0 means one a core.</summary>
    public int Threads { get; set; }

    /// <summary>Requests of a model that are worked on at once.</summary>
    public int Parallel { get; set; } = 64;

    /// <summary>Requests of a model that may wait beside those; the next one is answered with 429.</summary>
    public int Queue { get; set; } = 256;

    /// <summary>Models in memory at once; the one unused for longest goes first.</summary>
    public int MaxLoaded { get; set; } = 3;

    /// <summary>How long a model stays in memory without a request; zero or less keeps it for ever.</summary>
    public TimeSpan IdleAfter { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The largest body of a request, in bytes.</summary>
    public long MaxRequestBytes { get; set; } = 16L << 20;

    /// <summary>Whether the log tells what is asked and answered; without it only numbers.</summary>
    public bool LogContent { get; set; }

    /// <summary>The SQLite file of conversations and responses; null keeps them until the server ends.</summary>
    public string? Database { get; set; }

    /// <summary>The user's data: what is mounted and the kernel's journal; null has neither.</summary>
    public string? UserFolder { get; set; }

    /// <summary>
    /// Where the user's kernel listens: answers of the page are processes in it, and it is hosted here where no other
    /// program does. Null runs them in a kernel of this server's own, which keeps nothing.
    /// </summary>
    public string? KernelSocket { get; set; }

    /// <summary>
    /// Whether answers of the page may look at what is mounted, and ask to write there. Whoever can open the page can
    /// read those files then, so only a server that nobody else reaches should.
    /// </summary>
    public bool OffersFiles { get; set; }

    public TimeProvider Time { get; set; } = TimeProvider.System;
}
