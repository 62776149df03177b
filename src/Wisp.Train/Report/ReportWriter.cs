using System.Text;

namespace Wisp.Train.Report;

/// <summary>Writes a run's report into its folder as Markdown, HTML and JSON, each whole or not at all.</summary>
public static class ReportWriter
{
    public static void Write(string folder, RunReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        Directory.CreateDirectory(folder);
        Save(Path.Combine(folder, "report.md"), MarkdownReport.Render(report));
        Save(Path.Combine(folder, "report.html"), HtmlReport.Render(report));
        Save(Path.Combine(folder, RunReport.FileName), report.ToJson()); // last: where it stands, the run has ended
    }

    private static void Save(string path, string text) =>
        AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));
}
