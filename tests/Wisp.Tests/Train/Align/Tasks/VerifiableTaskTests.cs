using Wisp.Train.Align.Tasks;

namespace Wisp.Tests.Train.Align.Tasks;

public sealed class VerifiableTaskTests
{
    public static TheoryData<string> Names => [.. VerifiableTask.All.Select(task => task.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Solutions_are_right_and_the_answers_of_a_teacher_who_errs_are_wrong(string name)
    {
        var task = VerifiableTask.Named(name);
        for (ulong i = 0; i < 200; i++)
        {
            var problem = task.Draw(seed: 3, i, heldOut: i % 2 == 0);
            Assert.True(task.Judge(problem, problem.Solution) == Verdict.Right, $"{problem.Shown} {problem.Solution}");
            Assert.Equal(Verdict.Malformed, task.Judge(problem, "I do not know"));
            Assert.Equal(Verdict.Malformed, task.Judge(problem, ""));
        }

        var never = task.RightIn(task.Demonstrations(200, right: 0, seed: 4));
        Assert.Equal((0, 200), (never.Hits, never.Trials));
        var always = task.RightIn(task.Demonstrations(200, right: 1, seed: 4));
        Assert.Equal((200, 200), (always.Hits, always.Trials));

        // 99.99 % of binomials of 400 lie within 4 deviations of 2.45 %.
        Assert.InRange(task.RightIn(task.Demonstrations(400, right: 0.6, seed: 5)).Share, 0.5, 0.7);
    }

    [Theory, MemberData(nameof(Names))]
    public void No_problem_is_on_both_sides(string name)
    {
        var task = VerifiableTask.Named(name);
        HashSet<string> held = [.. task.HeldOut(300).Select(problem => problem.Key)];
        Assert.Equal(300, held.Count);
        for (ulong seed = 1; seed < 4; seed++)
            for (ulong i = 0; i < 1_000; i++)
                Assert.DoesNotContain(task.Draw(seed, i, heldOut: false).Key, held);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_seed_draws_the_same_problems_and_another_seed_others(string name)
    {
        var task = VerifiableTask.Named(name);
        string[] Keys(ulong seed) =>
            [.. Enumerable.Range(0, 50).Select(i => task.Draw(seed, (ulong)i, heldOut: false).Key)];
        Assert.Equal(Keys(1), Keys(1));
        Assert.NotEqual(Keys(1), Keys(2));
        Assert.True(Keys(1).Distinct().Count() > 40);
    }

    [Theory]
    [InlineData("(3 + 5) * 3", Verdict.Malformed)] // 3 is there once
    [InlineData("3 * 8", Verdict.Malformed)] // 8 is not there
    [InlineData("9 * 3 - 3", Verdict.Malformed)]
    [InlineData("3 * 5 + 9", Verdict.Right)]
    [InlineData("9 + (5 * 3)", Verdict.Right)]
    [InlineData("3 * 5 + 9 = 24", Verdict.Right)]
    [InlineData("3 * 5 + 9 = 25", Verdict.Malformed)]
    [InlineData("3 * 5", Verdict.Wrong)] // not every number has to be used, but the target has to be met
    [InlineData("9 / 5 * 3", Verdict.Wrong)]
    [InlineData("9 / (5 - 5)", Verdict.Malformed)]
    [InlineData("9 / (3 - 3 * 5)", Verdict.Malformed)]
    [InlineData("24", Verdict.Malformed)]
    [InlineData("-3 + 9", Verdict.Malformed)]
    [InlineData("3 ^ 5", Verdict.Malformed)]
    [InlineData("3 ** 5", Verdict.Malformed)]
    [InlineData("9 % 5", Verdict.Malformed)]
    [InlineData("3,5 + 9", Verdict.Malformed)]
    [InlineData("3 5 9", Verdict.Malformed)]
    [InlineData("(3 * 5 + 9", Verdict.Malformed)]
    [InlineData("3 * 5) + (9", Verdict.Malformed)]
    [InlineData("()", Verdict.Malformed)]
    [InlineData("3 * (5) + 9", Verdict.Right)]
    [InlineData("3 × 5 + 9", Verdict.Right)]
    [InlineData("3 +", Verdict.Malformed)]
    public void Countdown_takes_each_number_once_at_most(string answer, Verdict expected) =>
        Assert.Equal(expected, Countdown.Judge(Countdown.Of([3, 5, 9], 24, ""), answer));

    [Fact]
    public void No_text_makes_the_judge_throw()
    {
        var random = new Random(2);
        const string letters = "0123456789+-*/() ()=×÷−a.,%^\0\n";
        var problem = Countdown.Of([3, 5, 9], 24, "");
        for (var i = 0; i < 20_000; i++)
            Countdown.Judge(problem, string.Concat(
                Enumerable.Range(0, random.Next(30)).Select(_ => letters[random.Next(letters.Length)])));
        Countdown.Judge(problem, new string('(', 5_000) + "3" + new string(')', 5_000));
        Countdown.Judge(problem, string.Join('+', Enumerable.Repeat("3", 5_000)));
    }

    [Theory]
    [InlineData("8 5", Verdict.Right)]
    [InlineData("85.", Verdict.Right)]
    [InlineData("2 7 + 5 8 = 8 5", Verdict.Right)]
    [InlineData("8 6", Verdict.Wrong)]
    [InlineData("-85", Verdict.Wrong)]
    [InlineData("8.5", Verdict.Malformed)]
    [InlineData("eighty-five", Verdict.Malformed)]
    [InlineData("99999999999999999999", Verdict.Malformed)]
    public void Sums_are_read_as_people_write_them(string answer, Verdict expected) => Assert.Equal(expected,
        VerifiableTask.Named("arithmetic").Judge(Problem.Of("2 7 + 5 8 = ?", "27+58", "8 5"), answer));

    [Fact]
    public void A_task_that_nobody_knows_is_refused_with_those_there_are() => Assert.Contains(
        "there are arithmetic, countdown",
        Assert.Throws<ArgumentException>(() => VerifiableTask.Named("chess")).Message);
}
