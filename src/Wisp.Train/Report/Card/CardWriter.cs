using System.Text;

namespace Wisp.Train.Report.Card;

/// <summary>Writes a card into a folder as <c>card.html</c>, <c>card.md</c> and <c>card.json</c>.</summary>
public static class CardWriter
{
    public static void Write(string folder, ReportCard card)
    {
        Directory.CreateDirectory(folder);
        Save("card.json", card.ToJson());
        Save("card.md", CardMarkdown.Render(card));
        Save("card.html", CardHtml.Render(card));

        void Save(string name, string text) =>
            AtomicFile.Write(Path.Combine(folder, name), file => file.Write(Encoding.UTF8.GetBytes(text)));
    }
}
