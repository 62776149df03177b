using System.Text.Json.Nodes;
using Wisp.Train.Align;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>The figures of label files as JSON, for the page and for <c>wisp label stats --json</c>.</summary>
internal static class LabelJson
{
    public static JsonObject Of(LabelFigures figures) => new()
    {
        ["labellers"] = new JsonArray([.. figures.Labellers.Select(one => (JsonNode)new JsonObject
        {
            ["name"] = one.Name, ["judgments"] = one.Judgments, ["repeats"] = one.Repeats, ["skips"] = one.Skips,
            ["median_seconds"] = Math.Round(one.Median.TotalSeconds, 2), ["with_self"] = Of(one.WithSelf),
        })]),
        ["agreement"] = new JsonArray([.. figures.Shared.Select(shared =>
        {
            var json = Of(shared.Agreement);
            json["labellers"] = new JsonArray(shared.One, shared.Other);
            return (JsonNode)json;
        })]),
        ["positions"] = new JsonArray([.. figures.Places.Select(places => (JsonNode)new JsonObject
        {
            ["candidates"] = places.Candidates,
            ["best"] = new JsonArray([.. places.Best.Select(place => (JsonNode)Of(place))]),
        })]),
        ["win_rates"] = new JsonArray([.. figures.Wins.Select(pair => (JsonNode)new JsonObject
        {
            ["model"] = pair.One, ["over"] = pair.Other, ["wins"] = pair.Wins, ["losses"] = pair.Losses,
            ["ties"] = pair.Ties, ["rate"] = Of(pair.Rate),
        })]),
        ["prompts"] = figures.Prompts, ["pairs"] = figures.Pairs, ["undone"] = figures.Undone,
    };

    public static JsonObject Of(Agreement agreement) => new()
    {
        ["pairs"] = agreement.Same.Trials, ["same"] = agreement.Same.Hits, ["share"] = Of(agreement.Same),
        ["kappa"] = Number(agreement.Kappa), ["kappa_low"] = Number(agreement.Interval?.Low),
        ["kappa_high"] = Number(agreement.Interval?.High),
    };

    private static JsonObject Of(Proportion proportion) => new()
    {
        ["hits"] = proportion.Hits, ["trials"] = proportion.Trials,
        ["share"] = Number(proportion.Trials == 0 ? null : proportion.Share),
        ["low"] = Number(proportion.Interval.Low), ["high"] = Number(proportion.Interval.High),
    };

    private static JsonNode? Number(double? value) => value is { } number ? Math.Round(number, 4) : null;
}
