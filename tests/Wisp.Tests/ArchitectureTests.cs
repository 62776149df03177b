using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Model;
using Wisp.Serve;
using Wisp.Train;
using Wisp.TwoFiles;

namespace Wisp.Tests;

/// <summary>What ARCHITECTURE.md promises of the whole tree.</summary>
public class ArchitectureTests
{
    private static readonly Assembly s_compute = typeof(Gemm).Assembly, s_engine = typeof(Transformer).Assembly,
        s_train = typeof(Pretrain).Assembly, s_os = typeof(Pid).Assembly, s_serve = typeof(WispServer).Assembly,
        s_program = typeof(TwoFilesExport).Assembly;

    private static readonly string[] s_bannedSuffixes =
    [
        "Manager", "Helper", "Service", "Factory", "Provider", "Base", "Impl", "Util", "Utils", "Common", "Info",
            "Data",
    ];

    [Fact]
    public void Arrows_point_down()
    {
        static string[] Ours(Assembly assembly) => [.. assembly.GetReferencedAssemblies().Select(a => a.Name!)
            .Where(name => name.StartsWith("wisp", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];

        Assert.Empty(Ours(s_compute));
        Assert.Equal(["Wisp.Compute"], Ours(s_engine));
        Assert.Equal(["Wisp.Compute", "Wisp.Engine"], Ours(s_train));
        // Train and Os cannot see each other. A reference that no code uses yet is not in the assembly.
        Assert.Subset(new HashSet<string> { "Wisp.Compute", "Wisp.Engine" }, Ours(s_os).ToHashSet());
        Assert.Subset(new HashSet<string> { "Wisp.Compute", "Wisp.Engine", "Wisp.Os" }, Ours(s_serve).ToHashSet());
        Assert.Subset(
            new HashSet<string> { "Wisp.Compute", "Wisp.Engine", "Wisp.Os", "Wisp.Serve", "Wisp.Train" },
            Ours(s_program).ToHashSet());

        // Inside Engine only the sources tell: Model stands below Run.
        Assert.Empty(Matches(Sources("src/Wisp.Engine/Model"), @"\bWisp\.Run\b|\bRun\.[A-Z]"));
    }

    [Fact]
    public void Sharp_tools_stay_in_Compute()
    {
        var sources = Sources("src").Where(path => !path.Contains("/Wisp.Compute/"));
        Assert.Empty(Matches(
            sources, @"\bunsafe\b|\bMemoryMarshal\b|\bUnsafe\.|\bNativeMemory\b|\bCollectionsMarshal\b|\bfixed *\("));
        var permitted = Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Where(path => File.ReadAllText(path).Contains("AllowUnsafeBlocks"));
        Assert.Equal(["Wisp.Compute.csproj"], permitted.Select(Path.GetFileName));
        Assert.DoesNotContain("AllowUnsafeBlocks", File.ReadAllText(Path.Combine(Root, "Directory.Build.props")));
    }

    [Fact]
    public void Files_are_short_and_lines_fit_the_page()
    {
        var faults = new List<string>();
        foreach (var path in Sources("src").Concat(Sources("tests")).Concat(Sources("bench")))
        {
            var lines = File.ReadAllLines(path);
            if (lines.Length > (path.EndsWith("/TwoFiles/run.cs") ? 500 : 600))
                faults.Add($"{path}: {lines.Length} lines");
            for (var i = 0; i < lines.Length; i++)
                if (lines[i].EnumerateRunes().Count() > 120)
                    faults.Add($"{path}:{i + 1}: {lines[i].Length} characters");
        }

        Assert.Empty(faults);
    }

    [Fact]
    public void Nothing_in_the_sources_is_left_for_later() =>
        Assert.Empty(Matches(Sources("src"), @"\bTODO\b|\bFIXME\b|\bHACK\b", comments: true));

    [Fact]
    public void Names_say_what_a_type_is()
    {
        foreach (var type in Types())
            Assert.DoesNotContain(s_bannedSuffixes, suffix => Plain(type).EndsWith(suffix, StringComparison.Ordinal));
    }

    [Fact]
    public void No_namespace_has_the_name_of_a_type_inside_it()
    {
        // A type may not hide a namespace either: Wisp.Train.Report would make Wisp.Train.Report.X unreachable.
        var namespaces = Types().Select(t => t.Namespace!).Distinct().ToHashSet();
        foreach (var type in Types().Where(t => !t.IsNested))
        {
            Assert.NotEqual(type.Namespace!.Split('.')[^1], Plain(type));
            Assert.DoesNotContain($"{type.Namespace}.{Plain(type)}", namespaces);
        }
    }

    [Fact]
    public void No_interface_has_one_implementation()
    {
        var all = Types();
        foreach (var type in all.Where(t => t.IsInterface))
            Assert.True(all.Count(t => t != type && type.IsAssignableFrom(t)) >= 2, $"{type} has one implementation");
    }

    private static string Root
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
                if (File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
                    return at.FullName;
            Assert.Skip("the sources are not beside these tests");
            throw new InvalidOperationException("unreachable: Skip throws");
        }
    }

    private static string[] Sources(string folder)
    {
        string[] paths = [.. Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => path.Replace('\\', '/')).Where(path => !path.Contains("/obj/"))];
        Assert.NotEmpty(paths);
        return paths;
    }

    private static List<string> Matches(IEnumerable<string> paths, string pattern, bool comments = false)
    {
        var found = new List<string>();
        foreach (var path in paths)
        {
            var lines = File.ReadAllLines(path);
            for (var i = 0; i < lines.Length; i++)
            {
                // Strings first: a comment mark may stand in one.
                var code = comments ? lines[i] : Regex.Replace(lines[i], @"""(\\.|[^""\\])*""|//.*", "");
                if (Regex.IsMatch(code, pattern))
                    found.Add($"{path}:{i + 1}: {lines[i].Trim()}");
            }
        }

        return found;
    }

    private static List<Type> Types() => [.. new[] { s_compute, s_engine, s_train, s_os, s_serve, s_program }
        .SelectMany(assembly => assembly.GetTypes())
        .Where(t => t.Namespace?.StartsWith("Wisp", StringComparison.Ordinal) == true && !t.FullName!.Contains('<')
            && t.GetCustomAttribute<CompilerGeneratedAttribute>() is null)];

    private static string Plain(Type type) => type.Name.Split('`')[0];
}
