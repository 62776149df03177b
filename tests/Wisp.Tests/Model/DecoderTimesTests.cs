using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

public sealed class DecoderTimesTests
{
    [Fact]
    public void Every_operation_of_a_pass_is_timed_once_and_the_logits_stay_the_same()
    {
        var config = TinyModel.Config(Architecture.Llama);
        using var pool = new WorkerPool(2);
        using var weights = TinyModel.Weights(config);
        using var store = new KvStore(1, config.Layers, config.KvHeads, config.HeadDim);
        using var decoder = new Decoder(DecoderWeights.Of(weights), pool, 7, 7);
        var plain = Logits();
        // The clock moves by one second whenever it is read: seconds count laps.
        decoder.Times = new DecoderTimes(new CountingClock());
        var timed = Logits();

        Assert.Equal(plain, timed);
        var L = config.Layers;
        foreach (var operation in Enum.GetValues<DecoderOperation>())
        {
            var laps = operation switch
            {
                DecoderOperation.Embedding or DecoderOperation.Head => 1,
                DecoderOperation.Norm => (2 * L) + 1, // two a layer, and the last before the head
                DecoderOperation.Add => 2 * L,
                _ => L,
            };
            Assert.Equal((operation, laps), (operation, decoder.Times.Of(operation).TotalSeconds));
        }

        float[] Logits()
        {
            var tokens = TinyModel.Tokens(7, config.Vocabulary, seed: 1);
            decoder.Forward(tokens, [new DecoderRun(0, 7, new[] { 0 })], store);
            var logits = new float[config.Vocabulary];
            decoder.Logits(logits, 6);
            return logits;
        }
    }

    private sealed class CountingClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _now++;
    }
}
