using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Labels;

public class AgreementTests
{
    [Fact]
    public void The_worked_example_of_the_textbook()
    {
        // Fleiss, Levin and Paik 2003, "Statistical Methods for Rates and Proportions", table 18.1: two raters, 100
        // subjects; kappa 0.68 and, from eq. 18.13, a standard error of 0.087.
        var agreement = new Agreement(new long[,] { { 75, 1, 4 }, { 5, 4, 1 }, { 0, 0, 10 } });
        Assert.Equal((89, 100), (agreement.Same.Hits, agreement.Same.Trials));
        Assert.Equal(0.68, agreement.Kappa!.Value, 0.005);
        Assert.Equal(1.96 * 0.087, agreement.Interval!.Value.High - agreement.Kappa!.Value, 0.002);
        Assert.Equal(1.96 * 0.087, agreement.Kappa!.Value - agreement.Interval!.Value.Low, 0.002);
    }

    [Fact]
    public void Two_verdicts_half_of_them_by_chance() =>
        // po = 35/50, pe = 0.5·0.6 + 0.5·0.4 = 0.5, so kappa is 0.2/0.5.
        Assert.Equal(0.4, new Agreement(new long[,] { { 20, 5 }, { 10, 15 } }).Kappa!.Value, 1e-12);

    [Fact]
    public void The_standard_error_is_that_of_the_delta_method()
    {
        // Kappa as a function of the shares p(i,j) of a multinomial: its variance is (Σ p·g² − (Σ p·g)²)/n with the
        // gradient g, here by central differences.
        var random = new Random(1);
        for (var round = 0; round < 20; round++)
        {
            var counts = new long[3, 3];
            for (var i = 0; i < 9; i++)
                counts[i / 3, i % 3] = random.Next(1, 40) + (i % 4 == 0 ? 60 : 0);
            var n = counts.Cast<long>().Sum();
            double[] p = [.. counts.Cast<long>().Select(count => (double)count / n)];
            double mean = 0, square = 0;
            for (var i = 0; i < 9; i++)
            {
                const double Step = 1e-6;
                double[] more = [.. p], less = [.. p];
                more[i] += Step;
                less[i] -= Step;
                var g = (Kappa(more) - Kappa(less)) / (2 * Step);
                mean += p[i] * g;
                square += p[i] * g * g;
            }

            var agreement = new Agreement(counts);
            Assert.Equal(Kappa(p), agreement.Kappa!.Value, 1e-9);
            var half = 1.959963984540054 * Math.Sqrt((square - (mean * mean)) / n);
            Assert.Equal(agreement.Kappa!.Value + half, agreement.Interval!.Value.High, 1e-6);
        }

        // Homogeneous in p, so that a step in one share needs no other to give way.
        static double Kappa(double[] p)
        {
            double all = p.Sum(), same = (p[0] + p[4] + p[8]) / all, chance = 0;
            for (var i = 0; i < 3; i++)
                chance += (p[3 * i] + p[3 * i + 1] + p[3 * i + 2]) * (p[i] + p[3 + i] + p[6 + i]) / (all * all);
            return (same - chance) / (1 - chance);
        }
    }

    [Fact]
    public void What_cannot_be_told_is_not_told()
    {
        Assert.Null(new Agreement(new long[3, 3]).Kappa);
        var one = new Agreement(new long[,] { { 7, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } });
        Assert.Equal((1.0, null), (one.Same.Share, one.Kappa));
        Assert.Null(one.Interval);
        var perfect = new Agreement(new long[,] { { 7, 0 }, { 0, 5 } });
        Assert.Equal((1, 1), (perfect.Kappa, perfect.Interval!.Value.High));
        var opposite = new Agreement(new long[,] { { 0, 5 }, { 5, 0 } });
        Assert.Equal(-1, opposite.Kappa!.Value, 1e-12);
    }
}
