using System.Text;

namespace Wisp.Train.Eval.Tasks;

/// <summary>Comma-separated values as RFC 4180 has them: quotes around commas, quotes and line breaks.</summary>
internal static class Csv
{
    /// <summary>All records, the head included.</summary>
    /// <exception cref="InvalidDataException">A quote is not closed.</exception>
    public static List<string[]> Read(byte[] utf8, string where)
    {
        var text = Encoding.UTF8.GetString(utf8).TrimStart('\uFEFF');
        var (records, fields, field) = (new List<string[]>(), new List<string>(), new StringBuilder());
        var (quoted, line) = (false, 1);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            line += c == '\n' ? 1 : 0;
            if (quoted)
            {
                if (c != '"')
                    field.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"')
                    field.Append(text[++i]);
                else
                    quoted = false;
            }
            else if (c == '"' && field.Length == 0)
            {
                quoted = true;
            }
            else if (c == ',')
            {
                fields.Add(Take());
            }
            else if (c == '\n')
            {
                EndRecord();
            }
            else if (c != '\r')
            {
                field.Append(c);
            }
        }

        if (quoted)
            throw new InvalidDataException($"{where}:{line}: a quote is not closed. Fetch the file again.");
        if (field.Length > 0 || fields.Count > 0)
            EndRecord();
        return records;

        string Take()
        {
            var value = field.ToString();
            field.Clear();
            return value;
        }

        void EndRecord()
        {
            fields.Add(Take());
            if (fields.Count > 1 || fields[0].Length > 0)
                records.Add([.. fields]);
            fields.Clear();
        }
    }
}
