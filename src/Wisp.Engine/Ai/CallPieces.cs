using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Wisp.Ai;

/// <summary>
/// Follows the JSON of calls while it is written and hands out the arguments piece by piece. A call begins to be handed
/// out when its name is that of a known function and its arguments have begun; from then on it is a call, whatever
/// becomes of its JSON.
/// </summary>
/// <param name="name">The function, where it stands before the JSON and that is the arguments alone; else null.</param>
internal sealed class CallPieces(string? name, IReadOnlySet<string> functions, Func<string> newCallId)
{
    private readonly List<AIContent> _sure = [];
    private readonly StringBuilder _arguments = new(), _string = new();
    private readonly Dictionary<int, string> _ids = []; // of calls that have begun, by their place in the list
    private int _callDepth = name is null ? 1 : 0; // of members of a call
    private string? _name = name, _key = name is null ? null : "arguments";
    private bool _isValue = name is not null;
    private int _depth, _call, _argumentsDepth;
    private bool _inString, _escaped, _writing;

    /// <summary>Whether a call has been handed out in part.</summary>
    public bool HasBegun => _ids.Count > 0;

    /// <summary>The id under which a call was begun.</summary>
    public string? IdOf(int call) => _ids.GetValueOrDefault(call);

    /// <summary>Takes the next character.</summary>
    public void Push(char c)
    {
        if (_writing)
            _arguments.Append(c);
        if (_inString)
        {
            _inString = _escaped || c != '"';
            _escaped = !_escaped && c == '\\';
            if (_depth == _callDepth && _inString)
                _string.Append(c);
            else if (_depth == _callDepth)
                Read(_string.ToString());
            return;
        }

        switch (c)
        {
            case '"':
                _inString = true;
                _string.Clear();
                break;
            case '{' or '[':
                Open(c);
                break;
            case '}' or ']':
                _depth--;
                if (_writing && _depth == _argumentsDepth)
                    Flush(ended: true);
                if (_depth == _callDepth - 1 && c == '}')
                    (_call, _name) = (_call + 1, null);
                break;
            case ':' or ',' when _depth == _callDepth:
                _isValue = c == ':';
                break;
        }
    }

    /// <summary>The pieces since the last time.</summary>
    public List<AIContent> Take()
    {
        if (_writing)
            Flush(ended: false);
        List<AIContent> sure = [.. _sure];
        _sure.Clear();
        return sure;
    }

    /// <summary>The last pieces, and those of calls that could not be handed out before they were whole.</summary>
    public List<AIContent> Finish(IReadOnlyList<FunctionCallContent> calls)
    {
        for (var i = 0; i < calls.Count; i++)
            if (!_ids.ContainsKey(i))
                _sure.Add(new FunctionCallDelta(
                    calls[i].CallId, calls[i].Name, ToolCallJson.Written(calls[i].Arguments)));
        return Take();
    }

    private void Open(char c)
    {
        if (_depth == 0 && c == '[')
            _callDepth = 2; // a list of calls
        if (c == '{' && _depth == _callDepth && _isValue && _key is "arguments" or "parameters"
            && !_ids.ContainsKey(_call) && _name is { } known && functions.Contains(known))
        {
            _ids[_call] = newCallId();
            _sure.Add(new FunctionCallDelta(_ids[_call], known, ""));
            (_writing, _argumentsDepth) = (true, _depth);
            _arguments.Append(c);
        }

        _depth++;
        if (_depth == _callDepth)
            _isValue = false;
    }

    private void Flush(bool ended)
    {
        if (_arguments.Length > 0)
            _sure.Add(new FunctionCallDelta(_ids[_call], null, _arguments.ToString()));
        _arguments.Clear();
        _writing = !ended;
    }

    // A member's name, or its value where that is a string.
    private void Read(string raw)
    {
        if (!_isValue)
            _key = Unescaped(raw);
        else if (_key == "name")
            _name = Unescaped(raw);
    }

    private static string Unescaped(string raw)
    {
        try
        {
            return JsonElement.Parse($"\"{raw}\"").GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return raw; // the name of no function
        }
    }
}
