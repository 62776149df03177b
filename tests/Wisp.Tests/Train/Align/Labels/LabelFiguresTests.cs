using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Labels;

public class LabelFiguresTests
{
    [Fact]
    public void Verdicts_of_two_labellers_are_held_against_each_other()
    {
        // 20 pairs both say A, 5 and 10 they differ, 15 both say B: kappa 0.4. One of them got the answers in another
        // order, which changes nothing.
        var records = new List<LabelRecord>();
        foreach (var (ann, ben, count) in (IEnumerable<(string, string, int)>)
            [("a", "a", 20), ("a", "b", 5), ("b", "a", 10), ("b", "b", 15)])
            for (var i = 0; i < count; i++)
            {
                var prompt = $"{ann}{ben}{i}";
                records.Add(Judged.Record(
                    Judged.Comparison(prompt, "m1:left", "m2:right"), "Ann", ann == "a" ? "0>1" : "1>0"));
                records.Add(Judged.Record(
                    Judged.Comparison(prompt, "m2:right", "m1:left"), "Ben", ben == "a" ? "1>0" : "0>1"));
            }

        var figures = LabelFigures.Of(Judged.Reading(records));
        var shared = Assert.Single(figures.Shared);
        Assert.Equal(("Ann", "Ben", 35L, 50L),
            (shared.One, shared.Other, shared.Agreement.Same.Hits, shared.Agreement.Same.Trials));
        Assert.Equal(0.4, shared.Agreement.Kappa!.Value, 1e-12);

        // m1 wins 25 of Ann's and 30 of Ben's.
        var wins = Assert.Single(figures.Wins);
        Assert.Equal(("m1", "m2", 55, 45, 0), (wins.One, wins.Other, wins.Wins, wins.Losses, wins.Ties));
        Assert.Equal((50, 100), (figures.Prompts, figures.Pairs));
    }

    [Fact]
    public void A_pair_that_came_again_tells_of_the_labeller_and_counts_once()
    {
        var (one, two, three) = (Judged.Comparison("1", "A:x", "B:y"), Judged.Comparison("2", "A:x", "B:y"),
            Judged.Comparison("3", "A:x", "B:y"));
        var figures = LabelFigures.Of(Judged.Reading(
            Judged.Record(one, "Ann", "0>1"), Judged.Record(two, "Ann", "0>1"), Judged.Record(three, "Ann", "0=1"),
            Judged.Record(one, "Ann", "0>1", repeat: true), Judged.Record(two, "Ann", "1>0", repeat: true)));
        var ann = Assert.Single(figures.Labellers);
        Assert.Equal((5, 2, 1L, 2L), (ann.Judgments, ann.Repeats, ann.WithSelf.Same.Hits, ann.WithSelf.Same.Trials));
        Assert.Equal(TimeSpan.FromSeconds(2.5), ann.Median);
        var wins = Assert.Single(figures.Wins);
        Assert.Equal((2, 0, 1), (wins.Wins, wins.Losses, wins.Ties));
        Assert.Equal(2, figures.Pairs);
    }

    [Fact]
    public void Bias_of_position_is_told_by_place()
    {
        // Shown in reverse: the best stood first three times of four, and ties say nothing.
        var comparisons = Enumerable.Range(0, 5).Select(i => Judged.Comparison($"{i}", "x", "y")).ToList();
        var figures = LabelFigures.Of(Judged.Reading(comparisons.Zip(["1>0", "1>0", "1>0", "0>1", "0=1"],
            (comparison, ranking) => Judged.Record(comparison, "Ann", ranking))));
        var places = Assert.Single(figures.Places);
        Assert.Equal([(3L, 4L), (1L, 4L)], places.Best.Select(place => (place.Hits, place.Trials)));
        Assert.Empty(figures.Wins); // nobody knows the models
    }

    [Fact]
    public void What_was_taken_back_counts_no_more()
    {
        var record = Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1");
        var figures = LabelFigures.Of(Judged.Reading(record, Judged.Undo(record)));
        Assert.Equal((0, 0, 1), (figures.Prompts, figures.Pairs, figures.Undone));
        Assert.Empty(figures.Labellers);
    }

    [Fact]
    public void Files_of_one_name_are_told_apart()
    {
        var comparison = Judged.Comparison("1", "m:x", "m:y");
        var (one, other) = (comparison.Candidates[0], comparison.Candidates[1]);
        comparison = new Comparison(comparison.Prompt, [one, other with { ModelHash = "ffff00001111" }]);
        var wins = Assert.Single(LabelFigures.Of(Judged.Reading(Judged.Record(comparison, "Ann", "0>1"))).Wins);
        Assert.Equal(("m (ffff0000)", "m (m0123456)", 0, 1), (wins.One, wins.Other, wins.Wins, wins.Losses));
    }
}
