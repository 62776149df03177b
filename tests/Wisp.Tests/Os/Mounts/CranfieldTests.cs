using System.Text;
using System.Text.RegularExpressions;
using Wisp.Mounts;
using Wisp.Tests.Golden;
using ZstdSharp;

namespace Wisp.Tests.Os.Mounts;

/// <summary>
/// Retrieval without a model, on the Cranfield collection: 1,400 abstracts, 225 questions, judgments from 1, the best,
/// to 4.
/// </summary>
[Trait("cost", "medium")]
public sealed class CranfieldTests
{
    private const int Cutoff = 10;

    [Fact]
    public void Full_text_search_finds_what_people_judged_relevant()
    {
        var files = Files(GoldenFile.PathOrSkip("data/eval/cranfield.tar.zst"));
        using var mount = new DocumentMount(TreePath.Parse("/rag"), ":memory:", Asking.User);
        foreach (var (id, text) in Records(files["cran.all.1400"]))
            mount.Put("cranfield", TreePath.Parse($"/{id}"), Encoding.UTF8.GetBytes(Body(text)));
        // Judgments number the questions from 1 on, in their order.
        var questions = Records(files["cran.qry"]).Select(record => Body(record.Text)).ToList();
        var judged = new Dictionary<int, Dictionary<string, int>>();
        foreach (var line in files["cranqrel"].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 3 || !int.TryParse(fields[2], out var grade) || grade is < 1 or > 4)
                continue;
            if (!judged.TryGetValue(int.Parse(fields[0]), out var of))
                judged[int.Parse(fields[0])] = of = [];
            of[fields[1]] = 5 - grade;
        }

        var sum = 0.0;
        for (var q = 1; q <= questions.Count; q++)
            sum += Ndcg(judged[q], Found(mount, questions[q - 1]));
        var ndcg = sum / questions.Count;
        TestContext.Current.SendDiagnosticMessage($"Cranfield nDCG@{Cutoff} = {ndcg:0.0000}");
        Assert.InRange(ndcg, 0.35, 1); // 0.3568 on 2026-11-30, with gains of 5 less the grade
        Assert.Equal((1400, 225), (mount.List(TreePath.Parse("/cranfield")).Count, questions.Count));
    }

    // Documents in the order of their best span.
    private static List<string> Found(DocumentMount mount, string question) =>
        [.. mount.Search(TreePath.Parse("/cranfield"), question, 3 * Cutoff).Select(hit => hit.Path.Name).Distinct()
            .Take(Cutoff)];

    private static double Ndcg(Dictionary<string, int> judged, List<string> found)
    {
        var gain = found.Select((id, i) => judged.GetValueOrDefault(id) / Math.Log2(i + 2)).Sum();
        var ideal = judged.Values.OrderDescending().Take(Cutoff).Select((grade, i) => grade / Math.Log2(i + 2)).Sum();
        return gain / ideal;
    }

    private static IEnumerable<(string Id, string Text)> Records(string file) =>
        Regex.Split(file, @"(?m)^\.I ").Skip(1).Select(record =>
            (record[..record.IndexOf('\n', StringComparison.Ordinal)].Trim(), record));

    private static string Body(string record) =>
        record[(record.IndexOf("\n.W", StringComparison.Ordinal) + 3)..].Trim();

    private static Dictionary<string, string> Files(string path)
    {
        using var packed = File.OpenRead(path);
        using var plain = new DecompressionStream(packed);
        using var tar = new System.Formats.Tar.TarReader(plain);
        var files = new Dictionary<string, string>();
        while (tar.GetNextEntry(copyData: true) is { } entry)
            if (entry.DataStream is { } content)
                files[Path.GetFileName(entry.Name)] = new StreamReader(content).ReadToEnd();
        return files;
    }
}
