using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Bench.Peer;

/// <summary>
/// The part of llama.cpp's C interface that the bench calls, by name out of a folder. The package has no headers, so
/// the structures name only the fields we set, at offsets read off the defaults of release v0.5.0; each is checked when
/// the library is loaded, so that another release is refused and not misread.
/// </summary>
internal sealed unsafe class LlamaNative
{
    public const int TypeF32 = 0, TypeF16 = 1; // ggml_type of the KV cache

    /// <summary>llama_model_params. Larger than the real one, which is safe: it travels in memory both ways.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    public struct ModelParams
    {
        [FieldOffset(72)] public byte VocabOnly; // 0
        [FieldOffset(74)] public byte UseExtraBuffers; // 1: weights are repacked where that is faster
    }

    /// <summary>llama_context_params, likewise.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    public struct ContextParams
    {
        [FieldOffset(0)] public uint Context; // 512
        [FieldOffset(4)] public uint Batch; // 2048
        [FieldOffset(8)] public uint MicroBatch; // 512
        [FieldOffset(12)] public uint Sequences; // 1
        [FieldOffset(28)] public int Threads; // 4
        [FieldOffset(32)] public int BatchThreads; // 4
        [FieldOffset(40)] public int RopeScaling; // -1, like the next two
        [FieldOffset(44)] public int Pooling;
        [FieldOffset(48)] public int Attention;
        [FieldOffset(52)] public int FlashAttention; // -1 auto, 0 off, 1 on
        [FieldOffset(104)] public int TypeK; // 1 = F16
        [FieldOffset(108)] public int TypeV; // 1
    }

    /// <summary>
    /// llama_batch. Null positions and sequences append to sequence 0; null logits mean the last token only.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Batch
    {
        public int Count;
        public int* Tokens;
        public float* Embeddings;
        public int* Positions;
        public int* SequenceCounts;
        public int** Sequences;
        public byte* Logits;
    }

    public readonly delegate* unmanaged<ModelParams> ModelDefaults;
    public readonly delegate* unmanaged<ContextParams> ContextDefaults;
    public readonly delegate* unmanaged<byte*, ModelParams, nint> LoadModel;
    public readonly delegate* unmanaged<nint, void> FreeModel;
    public readonly delegate* unmanaged<nint, ContextParams, nint> NewContext;
    public readonly delegate* unmanaged<nint, void> FreeContext;
    public readonly delegate* unmanaged<nint, nint> Vocabulary;
    public readonly delegate* unmanaged<nint, int> VocabularySize;
    public readonly delegate* unmanaged<nint, Batch, int> Decode;
    public readonly delegate* unmanaged<nint, int, float*> LogitsAt;
    public readonly delegate* unmanaged<nint, nint> Memory;
    public readonly delegate* unmanaged<nint, byte, void> ClearMemory;
    public readonly delegate* unmanaged<nint, byte*, int, int*, int, byte, byte, int> Tokenize;
    public readonly delegate* unmanaged<nint, int*, int, byte*, int, byte, byte, int> Detokenize;

    /// <summary>What the library calls itself.</summary>
    public readonly string Version;

    private LlamaNative(nint llama, string version)
    {
        Version = version;
        ModelDefaults = (delegate* unmanaged<ModelParams>)Export(llama, "llama_model_default_params");
        ContextDefaults = (delegate* unmanaged<ContextParams>)Export(llama, "llama_context_default_params");
        LoadModel = (delegate* unmanaged<byte*, ModelParams, nint>)Export(llama, "llama_model_load_from_file");
        FreeModel = (delegate* unmanaged<nint, void>)Export(llama, "llama_model_free");
        NewContext = (delegate* unmanaged<nint, ContextParams, nint>)Export(llama, "llama_init_from_model");
        FreeContext = (delegate* unmanaged<nint, void>)Export(llama, "llama_free");
        Vocabulary = (delegate* unmanaged<nint, nint>)Export(llama, "llama_model_get_vocab");
        VocabularySize = (delegate* unmanaged<nint, int>)Export(llama, "llama_vocab_n_tokens");
        Decode = (delegate* unmanaged<nint, Batch, int>)Export(llama, "llama_decode");
        LogitsAt = (delegate* unmanaged<nint, int, float*>)Export(llama, "llama_get_logits_ith");
        Memory = (delegate* unmanaged<nint, nint>)Export(llama, "llama_get_memory");
        ClearMemory = (delegate* unmanaged<nint, byte, void>)Export(llama, "llama_memory_clear");
        Tokenize = (delegate* unmanaged<nint, byte*, int, int*, int, byte, byte, int>)Export(llama, "llama_tokenize");
        Detokenize = (delegate* unmanaged<nint, int*, int, byte*, int, byte, byte, int>)Export(
            llama, "llama_detokenize");
    }

    /// <summary>
    /// Loads the libraries of a folder and the CPU variant that fits this machine best. They stay loaded.
    /// </summary>
    public static LlamaNative Load(string folder)
    {
        // The others find each other through $ORIGIN once the first is there.
        var ggml = NativeLibrary.Load(Single(folder, "libggml.*"));
        var llama = NativeLibrary.Load(Single(folder, "libllama.*"));
        var version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export(llama, "llama_version"))()) ?? "?";

        ((delegate* unmanaged<delegate* unmanaged[Cdecl]<int, byte*, void*, void>, void*, void>)
            Export(llama, "llama_log_set"))(&Silence, null);
        var path = Marshal.StringToCoTaskMemUTF8(folder);
        ((delegate* unmanaged<nint, void>)Export(ggml, "ggml_backend_load_all_from_path"))(path);
        Marshal.FreeCoTaskMem(path);

        var native = new LlamaNative(llama, version);
        var m = native.ModelDefaults();
        var c = native.ContextDefaults();
        if (m is not { VocabOnly: 0, UseExtraBuffers: 1 } || c is not
            {
                Context: 512, Batch: 2048, MicroBatch: 512, Sequences: 1, Threads: 4, BatchThreads: 4, RopeScaling: -1,
                Pooling: -1, Attention: -1, FlashAttention: -1, TypeK: TypeF16, TypeV: TypeF16,
            })
            throw new InvalidDataException(
                $"{folder}: llama.cpp {version} lays out its parameters in another way than v0.5.0, which is known.");
        return native;
    }

    private static string Single(string folder, string pattern) =>
        Directory.GetFiles(folder, pattern).FirstOrDefault() ?? throw new IOException($"{folder}: has no {pattern}.");

    private static nint Export(nint library, string name) => NativeLibrary.TryGetExport(library, name, out var address)
        ? address : throw new InvalidDataException($"the peer's library has no function {name}.");

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Silence(int level, byte* text, void* user)
    {
    }
}
