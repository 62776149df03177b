using System.Buffers;
using Microsoft.Extensions.AI;

namespace Wisp.Ai;

/// <summary>
/// Takes an answer apart while it is written: what the model thinks, what it says and which functions it calls. The
/// parts do not depend on how the text is cut into pieces.
/// </summary>
/// <remarks>
/// Thoughts stand between their tags at the beginning of the answer and nowhere else. What may become a tag is held
/// back until it is sure, and is text if it is none. A call whose JSON is none stays text too, its tag included.
/// White space around tags belongs to them.
/// </remarks>
/// <param name="style">How calls are written; <see cref="ToolStyle.None"/> where none are expected.</param>
/// <param name="functions">The functions there are. Only in Llama's style they matter: its calls have no tag, so JSON
/// that names none of them is an answer in JSON.</param>
/// <param name="thinking">Whether the prompt ends inside the thoughts.</param>
public sealed class AnswerParser(
    ToolStyle style, IReadOnlySet<string> functions, bool thinking, Func<string> newCallId)
{
    private enum Stage
    {
        Begin,
        Thoughts,
        AfterTag,
        Text,
        Call,
    }

    // A name that is longer is no name.
    private const int MaxHeader = 256;

    // Wider than what functions of .NET and of MCP servers are called.
    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/$");

    private readonly string? _opener = style switch
    {
        ToolStyle.Hermes => ToolStyles.HermesCall,
        ToolStyle.MistralList or ToolStyle.MistralArguments => ToolStyles.MistralCall,
        _ => null,
    };

    private readonly List<AIContent> _parts = [];
    private Stage _stage = thinking ? Stage.Thoughts : Stage.Begin;
    private string _rest = ""; // not handed out yet
    private string _tag = ""; // what opened the call in hand
    private JsonScanner? _scanner; // of the JSON of that call
    private CallPieces? _pieces;
    private int _from, _scanned;
    private bool _thought, _said;

    /// <summary>Whether calls are also handed out piece by piece.</summary>
    public bool StreamsCalls { get; init; }

    /// <summary>Whether the text stands in the thoughts.</summary>
    public bool IsThinking => _stage == Stage.Thoughts;

    /// <summary>Whether a function of this name can be called where the name stands outside of JSON.</summary>
    public static bool IsName(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(s_nameCharacters);

    /// <summary>Takes more of the answer and returns the parts that are sure now.</summary>
    public IReadOnlyList<AIContent> Push(string text) => Read(text, final: false);

    /// <summary>What was held back, at the end of the answer.</summary>
    public IReadOnlyList<AIContent> Finish() => Read("", final: true);

    private List<AIContent> Read(string text, bool final)
    {
        _rest += text;
        while (Step(final))
        {
        }

        List<AIContent> parts = [.. _parts];
        _parts.Clear();
        return parts;
    }

    // Each step either takes something of the rest or changes the stage; false waits for more.
    private bool Step(bool final) => _stage switch
    {
        Stage.Begin => Begin(final),
        Stage.Thoughts => Thoughts(final),
        Stage.AfterTag => AfterTag(final),
        Stage.Text => Text(final),
        _ => Call(final),
    };

    private bool Begin(bool final)
    {
        var at = SkipSpace(0);
        if (Stands(ToolStyles.Think, at))
        {
            _rest = _rest[(at + ToolStyles.Think.Length)..];
            return Go(Stage.Thoughts);
        }

        return (final || !MayBecome(ToolStyles.Think, at)) && Go(Stage.Text);
    }

    private bool Thoughts(bool final)
    {
        if (!_thought)
            _rest = _rest.TrimStart();
        var end = _rest.IndexOf(ToolStyles.EndThink, StringComparison.Ordinal);
        var sure = end >= 0 ? end : final ? _rest.Length : _rest.Length - Held(ToolStyles.EndThink);
        var shown = _rest[..sure].TrimEnd();
        if (shown.Length > 0)
        {
            _parts.Add(new TextReasoningContent(shown));
            _thought = true;
        }

        if (end < 0)
        {
            _rest = final ? "" : _rest[shown.Length..];
            return false;
        }

        _rest = _rest[(end + ToolStyles.EndThink.Length)..];
        return Go(Stage.AfterTag);
    }

    // White space after a tag, and what may stand between calls.
    private bool AfterTag(bool final)
    {
        var at = SkipSpace(0);
        while (style == ToolStyle.Llama && at < _rest.Length && _rest[at] == ';')
            at = SkipSpace(at + 1);
        _rest = _rest[at..];
        if (_tag == ToolStyles.HermesCall)
        {
            if (Stands(ToolStyles.EndHermesCall, 0))
            {
                _rest = _rest[ToolStyles.EndHermesCall.Length..];
                _tag = "";
                return true;
            }

            if (!final && MayBecome(ToolStyles.EndHermesCall, 0))
                return false;
        }

        return _rest.Length > 0 && Go(Stage.Text);
    }

    private bool Text(bool final)
    {
        if (style == ToolStyle.Llama && !_said)
            return BareCall(final);
        var at = _opener is null ? -1 : _rest.IndexOf(_opener, StringComparison.Ordinal);
        if (at < 0)
        {
            Say(final || _opener is null ? _rest.Length
                : _rest.AsSpan(0, _rest.Length - Held(_opener)).TrimEnd().Length);
            return false;
        }

        // The space before the tag waits: it is part of the text if the call is none.
        var shown = _rest.AsSpan(0, at).TrimEnd().Length;
        Open(shown, _rest[shown..(at + _opener!.Length)]);
        return true;
    }

    // Without a tag a call is all of the answer or nothing.
    private bool BareCall(bool final)
    {
        var at = SkipSpace(0);
        if (Stands(ToolStyles.LlamaCall, at))
            Open(0, _rest[..(at + ToolStyles.LlamaCall.Length)]);
        else if (at < _rest.Length && _rest[at] == '{')
            Open(0, _rest[..at]);
        else if (final || !MayBecome(ToolStyles.LlamaCall, at))
            _said = true;
        else
            return false;
        return true;
    }

    private void Open(int shown, string tag)
    {
        Say(shown);
        _rest = _rest[tag.Length..];
        (_tag, _scanner, _pieces, _from) = (tag, null, null, 0);
        Go(Stage.Call);
    }

    private bool Call(bool final)
    {
        var at = SkipSpace(0);
        string? name = null;
        if (style is ToolStyle.MistralList or ToolStyle.MistralArguments
            && at < _rest.Length && _rest[at] is not ('[' or '{'))
        {
            var end = _rest.IndexOf(ToolStyles.MistralArguments, StringComparison.Ordinal);
            if (end < 0 && !final && _rest.Length < MaxHeader + ToolStyles.MistralArguments.Length)
                return false;
            name = end is < 0 or > MaxHeader ? "" : _rest[..end].Split(ToolStyles.MistralId)[0].Trim();
            if (!IsName(name))
                return Void();
            at = SkipSpace(end + ToolStyles.MistralArguments.Length);
        }

        var mayList = style == ToolStyle.MistralList || (style == ToolStyle.MistralArguments && name is null);
        if (at == _rest.Length)
            return final && Void();
        if (_rest[at] != '{' && !(mayList && _rest[at] == '['))
            return Void();
        if (_scanner is null)
        {
            (_scanner, _from, _scanned) = (new JsonScanner(), at, at);
            _pieces = StreamsCalls ? new CallPieces(name, functions, newCallId) : null;
        }

        while (_scanned < _rest.Length)
        {
            var c = _rest[_scanned++];
            if (_scanner.Push(c) is not { } closed)
                return Void();
            _pieces?.Push(c);
            if (closed)
                return Close(name, _rest[_from.._scanned]) || Void();
        }

        if (_pieces is not null)
            _parts.AddRange(_pieces.Take());
        return final && Void();
    }

    private bool Close(string? name, string json)
    {
        var begun = 0;
        var calls = name is null
            ? ToolCallJson.ReadCalls(json, NextId)
            : ToolCallJson.ReadArguments(json) is { } arguments
                ? [new FunctionCallContent(NextId(), name, arguments)] : null;
        if (calls is null || (style == ToolStyle.Llama && !calls.All(call => functions.Contains(call.Name))))
            return false;
        if (_pieces is not null)
            _parts.AddRange(_pieces.Finish(calls));
        _parts.AddRange(calls);
        return Leave();

        string NextId() => _pieces?.IdOf(begun++) ?? newCallId();
    }

    private bool Leave()
    {
        _rest = _rest[_scanned..];
        _tag = _tag.Trim();
        return Go(Stage.AfterTag);
    }

    // No call: its tag is text, and what follows is read as text may be.
    private bool Void()
    {
        if (_pieces is { HasBegun: true })
        {
            // It cannot be taken back: what was handed out is a call with faulty arguments, or one that was cut off.
            _parts.AddRange(_pieces.Take());
            return Leave();
        }

        var tag = _tag;
        (_rest, _tag) = (tag + _rest, "");
        Go(Stage.Text);
        Say(tag.Length);
        _said = true;
        return true;
    }

    private bool Go(Stage stage)
    {
        _stage = stage;
        return true;
    }

    private void Say(int count)
    {
        if (count == 0)
            return;
        if (_parts is [.., TextContent last])
            last.Text += _rest[..count];
        else
            _parts.Add(new TextContent(_rest[..count]));
        _rest = _rest[count..];
        _said = true;
    }

    private int SkipSpace(int at)
    {
        while (at < _rest.Length && char.IsWhiteSpace(_rest[at]))
            at++;
        return at;
    }

    private bool Stands(string tag, int at) => string.CompareOrdinal(_rest, at, tag, 0, tag.Length) == 0;

    /// <summary>Whether all that there is from a place on is the beginning of a tag.</summary>
    private bool MayBecome(string tag, int at) => tag.AsSpan().StartsWith(_rest.AsSpan(at), StringComparison.Ordinal);

    /// <summary>Characters at the end that may be the beginning of a tag.</summary>
    private int Held(string tag)
    {
        for (var count = Math.Min(tag.Length - 1, _rest.Length); count > 0; count--)
            if (tag.AsSpan(0, count).SequenceEqual(_rest.AsSpan(_rest.Length - count)))
                return count;
        return 0;
    }
}
