using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.Json.Serialization;

namespace Wisp.Cli;

/// <summary>An instruction set that the kernels can use, and whether this process has it.</summary>
internal sealed record Feature(string Name, bool Present);

/// <summary>A program that wisp can do without, what it would be good for, and how to get it.</summary>
internal sealed record OptionalProgram(string Name, string Purpose, string? Path, string Debian, string Elsewhere);

/// <summary>What this process sees of the machine it runs on. Speeds are null until they are measured.</summary>
internal sealed record Machine
{
    public required string Cpu { get; init; }

    public required string Architecture { get; init; }

    public required IReadOnlyList<Feature> Features { get; init; }

    /// <summary>Width in bits of the vectors that the kernels compile to; 0 means none.</summary>
    public required int VectorBits { get; init; }

    public required int Cores { get; init; }

    /// <summary>Bytes that this process may use, a container's limit included.</summary>
    public required long MemoryTotal { get; init; }

    public required long MemoryAvailable { get; init; }

    /// <summary>Bytes a second, all cores reading.</summary>
    public double? ReadBandwidth { get; init; }

    /// <summary>FLOP/s in float32, all cores, a fused multiply-add counted as two.</summary>
    public double? FmaPeak { get; init; }

    public required string Runtime { get; init; }

    public required bool Compiled { get; init; }

    public required string UserFolder { get; init; }

    public required IReadOnlyList<string> ModelFolders { get; init; }

    public required IReadOnlyList<OptionalProgram> Programs { get; init; }

    /// <summary>What stands in the way of running at all; empty on a machine that is fit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<string> Missing { get; init; } = [];

    public static Machine Look(string programFolder, Func<string, string?> environment, Func<string, string?> find)
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new Machine
        {
            Cpu = CpuName(),
            Architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(),
            Features = SeenFeatures(),
            VectorBits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256
                : Vector128.IsHardwareAccelerated ? 128 : 0,
            Cores = Environment.ProcessorCount,
            MemoryTotal = memory,
            MemoryAvailable = Math.Min(memory, AvailableBytes() ?? memory),
            Runtime = RuntimeInformation.FrameworkDescription,
            Compiled = !RuntimeFeature.IsDynamicCodeCompiled,
            UserFolder = Places.UserFolder(environment),
            ModelFolders = Places.ModelFolders(programFolder, environment),
            Programs =
            [
                new("xz", "a row of the compression table in reports", find("xz"), "xz-utils", "xz"),
                new("zstd", "a row of the compression table in reports", find("zstd"), "zstd", "zstd"),
                new("git", "cloning and updating the sources", find("git"), "git", "git"),
                new("node", "the peer that `wisp bench` compares with", find("node"), "nodejs", "node"),
                new("npm", "fetching that peer", find("npm"), "npm", "node"),
                new("chromium", "the tests that look at pages", find("chromium") ?? find("google-chrome"),
                    "chromium", "chromium"),
            ],
            Missing = [.. Lacks()],
        };
    }

    private static IEnumerable<string> Lacks()
    {
        if (!Environment.Is64BitProcess)
            yield return "a 64-bit process: models are mapped into memory whole. Install the 64-bit .NET.";
        if (!BitConverter.IsLittleEndian)
            yield return "a little-endian processor: model files are little-endian and are mapped as they are.";
    }

    private static Feature[] SeenFeatures() => ArmBase.IsSupported
        ?
        [
            new("AdvSimd", AdvSimd.IsSupported), new("Dot product", Dp.IsSupported), new("CRC32", Crc32.IsSupported),
        ]
        :
        [
            new("AVX", Avx.IsSupported), new("AVX2", Avx2.IsSupported), new("FMA", Fma.IsSupported),
            new("AVX-VNNI", AvxVnni.IsSupported), new("AVX-512F", Avx512F.IsSupported),
            new("AVX-512BW", Avx512BW.IsSupported),
            new("AVX-512VBMI", Avx512Vbmi.IsSupported), new("AVX10.1", Avx10v1.IsSupported),
        ];

    // The brand string of CPUID leaves 0x80000002 to 4 works on every x86 system; elsewhere Linux has a line for it.
    private static string CpuName()
    {
        if (X86Base.IsSupported && (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax >= 0x80000004)
        {
            var name = new StringBuilder();
            for (var leaf = 2; leaf <= 4; leaf++)
            {
                var (a, b, c, d) = X86Base.CpuId(unchecked((int)0x80000000) + leaf, 0);
                foreach (var part in (int[])[a, b, c, d])
                    for (var shift = 0; shift < 32; shift += 8)
                        if ((char)((part >> shift) & 0xff) is var letter and not '\0')
                            name.Append(letter);
            }

            return Terminal.Clean(name.ToString().Trim());
        }

        return ReadLine("/proc/cpuinfo", "model name")?.Trim() ?? $"{RuntimeInformation.ProcessArchitecture} processor";
    }

    private static long? AvailableBytes() =>
        ReadLine("/proc/meminfo", "MemAvailable") is { } line &&
        long.TryParse(line.Replace("kB", "", StringComparison.Ordinal).Trim(), out var kilobytes)
            ? kilobytes * 1024
            : null;

    private static string? ReadLine(string path, string key)
    {
        try
        {
            return File.ReadLines(path)
                .FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal))?.Split(':', 2)[^1];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // not Linux, or a /proc that hides it
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Machine))]
internal sealed partial class MachineJson : JsonSerializerContext;
