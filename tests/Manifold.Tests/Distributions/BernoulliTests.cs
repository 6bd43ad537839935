using Manifold.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Distributions;

public class BernoulliTests
{
    // By hand: logit ln 3 is p = 3/4, so log p(1) = ln 3/4 and log p(0) = ln 1/4.
    [Fact]
    public void A_log_probability_by_hand()
    {
        var x = tensor(new[] { 1.0, 0.0 }).unsqueeze(0);
        var logProb = Bernoulli.LogProb(x, full([1, 2], Math.Log(3), ScalarType.Float64));

        Assert.Equal([1], logProb.shape);
        Assert.Equal(Math.Log(0.75) + Math.Log(0.25), logProb.item<double>(), precision: 12);
    }

    [Fact]
    public void Probabilities_of_all_pictures_sum_to_one()
    {
        var logits = randn(4, ScalarType.Float64) * 3;
        var all = stack([.. Enumerable.Range(0, 16).Select(i => tensor(Enumerable.Range(0, 4).Select(bit => (double)(i >> bit & 1)).ToArray()))]);   // [16, 4]

        Assert.Equal(1, Bernoulli.LogProb(all, logits.expand(16, 4)).exp().sum().item<double>(), precision: 12);
    }

    [Fact]
    public void Logits_far_out_stay_finite()
    {
        var x = tensor(new[] { 1f, 0f }).unsqueeze(0);
        Assert.Equal(-500f, Bernoulli.LogProb(x, tensor(new[] { 1000f, 500f }).unsqueeze(0)).item<float>());   // sure and right, sure and wrong
    }

    [Fact]
    public void K_tries_keep_their_axis()
    {
        Assert.Equal([7, 3], Bernoulli.LogProb(zeros(3, 5), zeros(7, 3, 5)).shape);
    }

    [Fact]
    public void Grey_is_refused_with_the_remedy()
    {
        var error = Assert.Throws<ArgumentException>(() => Bernoulli.ExpectBinary(full([2, 1, 2, 2], 0.5f)));
        Assert.Contains("data.binarize", error.Message);
        Bernoulli.ExpectBinary(tensor(new[] { 0f, 1f }));
    }
}
