using Wisp.Train.Align.Tasks;

namespace Wisp.Tests.Train.Align.Tasks;

public sealed class ExpressionTests
{
    [Theory]
    [InlineData("1", 1, 1)]
    [InlineData(" 2 + 3 * 4 ", 14, 1)]
    [InlineData("5 - 3 - 1", 1, 1)]
    [InlineData("8 / 4 / 2", 1, 1)]
    [InlineData("8 / (4 / 2)", 4, 1)]
    [InlineData("1 / 3", 1, 3)]
    [InlineData("1 / 3 + 1 / 6", 1, 2)]
    [InlineData("2 - 5 / 2", -1, 2)]
    [InlineData("((7))", 7, 1)]
    [InlineData("3 × 4 ÷ 6 − 1", 1, 1)]
    [InlineData("999999999 * 999999999", 999999998000000001, 1)]
    public void The_value_is_exact(string text, long numerator, long denominator)
    {
        var value = Expression.Evaluate(text)!.Value.Value!.Value;
        Assert.Equal((numerator, denominator), (value.Numerator, value.Denominator));
    }

    [Theory]
    [InlineData("1 / 0")]
    [InlineData("1 / (2 - 2) + 3")]
    [InlineData("999999999 * 999999999 * 999999999")]
    public void What_has_no_value_is_an_expression_all_the_same(string text)
    {
        var found = Expression.Evaluate(text);
        Assert.NotNull(found);
        Assert.Null(found.Value.Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("+")]
    [InlineData("1 +")]
    [InlineData("-3")]
    [InlineData("1 2")]
    [InlineData("(1")]
    [InlineData("1)")]
    [InlineData("()")]
    [InlineData("a + 1")]
    [InlineData("1.5")]
    [InlineData("2 ** 3")]
    [InlineData("1\n+ 1")]
    [InlineData("1\0")]
    [InlineData("1234567890")]
    [InlineData("print(1)")]
    public void Everything_else_is_refused(string text) => Assert.Null(Expression.Evaluate(text));

    [Fact]
    public void Deep_and_long_texts_are_refused_and_harm_nothing()
    {
        Assert.Null(Expression.Evaluate(new string('(', 100) + "1" + new string(')', 100)));
        Assert.Null(Expression.Evaluate(string.Join('+', Enumerable.Repeat("1", 200))));
        Assert.NotNull(Expression.Evaluate(string.Join('+', Enumerable.Repeat("1", 100))));
    }

    [Fact]
    public void Random_trees_have_the_value_that_they_were_built_with()
    {
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
        {
            var (text, value, numbers) = Tree(random, 4);
            var found = Expression.Evaluate(text)!.Value;
            Assert.Equal(numbers, found.Numbers);
            if (double.IsFinite(value))
                Assert.Equal(value, (double)found.Value!.Value.Numerator / found.Value.Value.Denominator,
                    1e-9 * Math.Max(1, Math.Abs(value)));
            else
                Assert.Null(found.Value);
        }

        // Fully bracketed, so the tree is what the text says; a division by nothing makes all above it nothing.
        static (string Text, double Value, List<long> Numbers) Tree(Random random, int depth)
        {
            if (depth == 0 || random.Next(3) == 0)
            {
                var number = random.Next(10);
                return ($"{number}", number, [number]);
            }

            var (left, right) = (Tree(random, depth - 1), Tree(random, depth - 1));
            var sign = "+-*/"[random.Next(4)];
            var value = sign switch
            {
                '+' => left.Value + right.Value,
                '-' => left.Value - right.Value,
                '*' => left.Value * right.Value,
                _ => Math.Abs(right.Value) < 1e-12 ? double.NaN : left.Value / right.Value,
            };
            return ($"({left.Text} {sign} {right.Text})", value, [.. left.Numbers, .. right.Numbers]);
        }
    }

    [Fact]
    public void No_text_makes_it_throw()
    {
        var random = new Random(2);
        const string letters = "0123456789+-*/() ()=×÷−a.\0\n";
        for (var i = 0; i < 20_000; i++)
            Expression.Evaluate(string.Concat(
                Enumerable.Range(0, random.Next(30)).Select(_ => letters[random.Next(letters.Length)])));
    }
}
