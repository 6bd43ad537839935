using Manifold.Models;
using Manifold.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Objectives;

public class ElboObjectiveTests
{
    // Two examples, two latents. KL of the latents, over the batch: 0.2 and 3. log p(x|z): -10 and -20.
    private static ElboTerms Terms() => new(
        tensor(new[] { -10.0, -20.0 }), new Dictionary<string, Tensor> { ["z"] = tensor(new[,] { { 0.1, 2.0 }, { 0.3, 4.0 } }) });

    [Fact]
    public void Left_alone_it_minimises_minus_the_elbo() =>
        Assert.Equal(15 + 3.2, new ElboObjective().Of(Terms(), 0).item<double>(), precision: 12);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(250, 0.5)]     // a quarter of the way to beta 2
    [InlineData(1000, 2)]
    [InlineData(9000, 2)]
    public void The_kl_warms_up_to_beta(long seen, double weight)
    {
        var objective = new ElboObjective { Beta = 2, WarmUp = 1000 };
        Assert.Equal(weight, objective.KlWeight(seen), precision: 12);
        Assert.Equal(15 + weight * 3.2, objective.Of(Terms(), seen).item<double>(), precision: 12);
    }

    // The batch is averaged before the maximum: max(3, 0.2) + max(3, 3), though one example has 4 nats in the second latent.
    [Theory]
    [InlineData(1, 1 + 3)]
    [InlineData(3, 3 + 3)]
    public void A_latent_has_its_bits_free(double free, double kl) =>
        Assert.Equal(15 + kl, new ElboObjective { FreeBits = free }.Of(Terms(), 0).item<double>(), precision: 12);

    [Fact]
    public void What_is_reported_never_passes_through_it()
    {
        var terms = Terms();
        new ElboObjective { Beta = 5, FreeBits = 2, WarmUp = 10 }.Of(terms, 3);
        Assert.Equal([12.1, 24.3], terms.Nll.data<double>().ToArray());
    }

    // By hand: two samples of weight 1 and 3, so log of their mean 2; -log 2.
    [Fact]
    public void The_importance_weighted_bound_averages_weights_and_not_their_logarithms()
    {
        var terms = new IwaeTerms(tensor(new[,] { { 0.0, Math.Log(5) }, { Math.Log(3), Math.Log(5) } }));
        Assert.Equal(-Math.Log(2), terms.Nll[0].item<double>(), precision: 12);
        Assert.Equal(-Math.Log(5), terms.Nll[1].item<double>(), precision: 12);
    }

    [Fact]
    public void Samples_and_a_weight_on_the_kl_contradict_each_other()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new ElboObjective { Samples = 5, FreeBits = 1 }.Validated());
        Assert.StartsWith("objective.samples is 5; it needs 1 beside objective.beta, warm_up, free_bits", error.Message);
    }

    // Two groups: z1 has KLs 0.1, 2.0 and 0.3, 4.0 (sum over latents, mean over the batch 3.2), z2 has 1 and 3 (mean 2).
    private static ElboTerms Groups() => new(
        tensor(new[] { -10.0, -20.0 }), new Dictionary<string, Tensor> { ["z1"] = tensor(new[,] { { 0.1, 2.0 }, { 0.3, 4.0 } }), ["z2"] = tensor(new[,] { { 1.0 }, { 3.0 } }) });

    [Fact]
    public void Every_group_has_a_weight_of_its_own() =>
        Assert.Equal(15 + 2 * (0.5 * 3.2 + 3 * 2), new ElboObjective { Beta = 2, BetaByGroup = [0.5, 3] }.Of(Groups(), 0).item<double>(), precision: 12);

    [Fact]
    public void Every_group_has_free_bits_of_its_own() =>
        Assert.Equal(15 + (1 + 3) + 2.5, new ElboObjective { FreeBitsByGroup = [1, 2.5] }.Of(Groups(), 0).item<double>(), precision: 12);

    // A group as a whole: max(4, 3.2) + max(4, 2); it is below its free bits though one latent alone has 3.
    [Fact]
    public void A_group_may_have_its_bits_free_as_a_whole() =>
        Assert.Equal(15 + 4 + 4, new ElboObjective { FreeBits = 4, FreeBitsOf = FreeBitsOf.Group }.Of(Groups(), 0).item<double>(), precision: 12);

    [Fact]
    public void A_list_that_is_not_one_number_a_group_is_refused() =>
        Assert.StartsWith("objective.beta_by_group is [1,2]; it needs a number of 0 or more for each latent group; model.groups has 3",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ElboObjective { BetaByGroup = [1, 2] }.Validated(groups: 3)).Message);
}
