namespace Wisp.Ai;

/// <summary>
/// Finds the end of a JSON object or list that comes in pieces, a character at a time. It follows strings and brackets
/// and stops at what can stand in no JSON; the parser afterwards decides whether it is JSON.
/// </summary>
internal sealed class JsonScanner
{
    // Deeper arguments than a JSON reader takes are none.
    private const int MaxDepth = 64;

    private const string Bare = " \t\r\n:,+-.0123456789Eaeflnrstu";

    private readonly Stack<char> _closers = new();
    private bool _inString, _escaped;

    /// <summary>Takes the next character; true when it closes the value, null when it cannot stand there.</summary>
    public bool? Push(char c)
    {
        if (_inString)
        {
            _inString = _escaped || c != '"';
            _escaped = !_escaped && c == '\\';
            return c < ' ' ? null : false;
        }

        switch (c)
        {
            case '{' or '[':
                _closers.Push(c == '{' ? '}' : ']');
                return _closers.Count > MaxDepth ? null : false;
            case '}' or ']':
                return !_closers.TryPop(out var closer) || closer != c ? null : _closers.Count == 0;
            case '"':
                _inString = _closers.Count > 0;
                return _inString ? false : null;
            default:
                return _closers.Count > 0 && Bare.Contains(c) ? false : null;
        }
    }
}
