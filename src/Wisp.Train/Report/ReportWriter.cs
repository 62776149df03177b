using System.Text;

namespace Wisp.Train.Report;

/// <summary>Writes <c>report.md</c> and <c>report.html</c> into a run's folder, each whole or not at all.</summary>
public static class ReportWriter
{
    public static void Write(string folder, RunReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        Directory.CreateDirectory(folder);
        Save(Path.Combine(folder, "report.md"), MarkdownReport.Render(report));
        Save(Path.Combine(folder, "report.html"), HtmlReport.Render(report));
    }

    private static void Save(string path, string text) =>
        AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));
}
