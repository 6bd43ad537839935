using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Models;

public class VaeTests
{
    private static readonly PictureShape Small = new(1, 4, 4);
    private static readonly VaeSettings Tiny = new() { Hidden = [32], LatentDim = 2 };

    private static Batch Coins(int count) => new(bernoulli(full([count, 1, 4, 4], 0.5f)));

    [Fact]
    public void An_untrained_model_pays_about_one_bit_per_binary_pixel()
    {
        manual_seed(0);
        var bits = new Vae(Small, Tiny).Elbo(Coins(256)).Nll.mean().ToDouble() / (16 * Math.Log(2));
        Assert.InRange(bits, 0.95, 1.15);   // logits near 0: ln 2 nats, one bit, plus a little KL
    }

    [Fact]
    public void It_can_learn_one_batch_by_heart()
    {
        manual_seed(0);
        var model = new Vae(Small, Tiny);
        var batch = Coins(4);
        var adam = Optimizer.Create(new OptimizerSettings { LearningRate = 1e-2 }, model.named_parameters());

        for (var step = 0; step < 600; step++)
        {
            using var scope = NewDisposeScope();
            var loss = model.Elbo(batch).Nll.mean();
            adam.ZeroGrad();
            loss.backward();
            adam.Step(1e-2);
        }

        Assert.InRange(model.Elbo(batch).Nll.mean().ToDouble(), 0, 4.0);   // four pictures are ln 4 = 1.39 nats apart at best; chance is 16 ln 2 = 11.1
    }

    [Fact]
    public void A_picture_of_the_wrong_size_is_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => new Vae(Small, Tiny).Encode(zeros(8, 1, 28, 28)));
        Assert.StartsWith("x has shape [8, 1, 28, 28]; expected [B, 1, 4, 4].", error.Message);
    }

    [Fact]
    public void Settings_without_latents_are_refused_by_name()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new Vae(Small, Tiny with { LatentDim = 0 }));
        Assert.Equal("model.latent_dim is 0; it needs to be above 0.", error.Message);
    }

    [Fact]
    public void Checkpoint_keys_are_the_field_names()
    {
        Assert.Equal(
            ["encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias",
             "decoder.0.weight", "decoder.0.bias", "decoder.2.weight", "decoder.2.bias"],
            new Vae(Small, Tiny).state_dict().Keys);
        Assert.Contains("log_sigma", new Vae(Small, Tiny with { Likelihood = Likelihood.Gaussian }).state_dict().Keys);
    }

    // Two equal pictures in a batch, and two samples of one, must each get noise of their own.
    [Fact]
    public void Every_example_and_every_sample_has_its_own_noise()
    {
        manual_seed(3);
        var model = new Vae(Small, Tiny);
        var twins = new Batch(ones(2, 1, 4, 4));

        var once = model.Elbo(twins).LogPxz.data<float>().ToArray();
        var weights = model.LogWeights(twins, 3);                                // [3, 2]

        Assert.NotEqual(once[0], once[1]);
        Assert.Equal(6, weights.data<float>().ToArray().Distinct().Count());
    }

    // p(x|z) = N(Wz + b, s^2 I) and the exact posterior: every single weight is log N(x; b, WW' + s^2 I), so ELBO = L_K = log p(x).
    // With orthogonal columns of W the posterior is diagonal: precision 1 + |w_j|^2 / s^2, mean w_j'(x - b) / s^2 / precision.
    [Fact]
    public void On_the_linear_gaussian_model_every_weight_is_log_p()
    {
        manual_seed(5);
        const double s = 0.7;
        var shape = new PictureShape(1, 2, 3);
        var model = new Vae(shape, new VaeSettings { Hidden = [], LatentDim = 2, Likelihood = Likelihood.Gaussian, Sigma = s, LearnSigma = false, SquashMean = false }).to(ScalarType.Float64);
        var w = linalg.qr(randn(6, 2, ScalarType.Float64)).Q * tensor(new[] { 1.5, 0.4 });                       // [6, 2], orthogonal columns
        var b = randn(6, ScalarType.Float64);
        var precision = 1 + w.square().sum(dim: 0) / (s * s);                                                          // [2]
        var gain = (w / (s * s) / precision).t();                                                                 // [2, 6]
        using (no_grad())
        {
            var state = model.state_dict();
            state["decoder.0.weight"].copy_(w);
            state["decoder.0.bias"].copy_(b);
            state["encoder.0.weight"].copy_(cat([gain, zeros([2, 6], ScalarType.Float64)]));
            state["encoder.0.bias"].copy_(cat([-gain.mv(b), -precision.log()]));
        }
        var x = randn(5, 6, ScalarType.Float64);                                                                  // [5, 6]
        var covariance = w.mm(w.t()) + s * s * eye(6, dtype: ScalarType.Float64);
        var d = x - b;
        var logP = -0.5 * (d.mm(covariance.inverse()) * d).sum(1) - 0.5 * covariance.logdet() - 3 * Math.Log(2 * Math.PI);   // [5]
        var batch = new Batch(x.view(5, 1, 2, 3));

        var weights = model.LogWeights(batch, 20);                                                                // [20, 5]

        Assert.True((weights - logP).abs().max().item<double>() < 1e-10);
        Assert.True((new IwaeTerms(weights).Nll + logP).abs().max().item<double>() < 1e-10);
        Assert.True((LatentMetrics.Iwae(model, batch, 20) + logP).abs().max().item<double>() < 1e-10);
        // The ELBO with the analytic KL agrees in expectation: its noise comes from log p(x|z) alone.
        var elbo = stack([.. Enumerable.Range(0, 4000).Select(_ => -model.Elbo(batch).Nll)]);                     // [4000, 5]
        var error = elbo.std(0) / Math.Sqrt(4000);
        Assert.True(((elbo.mean([0]) - logP) / error).abs().max().item<double>() < 4);
    }

    // Six binary pixels and one latent: the sum over all 64 pictures of the integral over z is 1, and bounds are bounds.
    [Fact]
    public void Bounds_rise_with_k_to_log_p_and_the_probabilities_of_all_pictures_sum_to_one()
    {
        manual_seed(11);
        var shape = new PictureShape(1, 2, 3);
        var model = new Vae(shape, new VaeSettings { Hidden = [8], LatentDim = 1 }).to(ScalarType.Float64);
        using (no_grad()) foreach (var parameter in model.parameters()) parameter.mul_(2.5);                      // away from the easy start
        var all = stack([.. Enumerable.Range(0, 64).Select(i => tensor(Enumerable.Range(0, 6).Select(bit => (double)(i >> bit & 1)).ToArray()))]);   // [64, 6]
        var z = linspace(-9, 9, 3601, ScalarType.Float64).unsqueeze(1);                                           // a trapezoid rule, steps of 1/200
        var probabilities = model.Decode(z).flatten(1);                                                           // [3601, 6]
        var logPxz = all.mm(probabilities.log().t()) + (1 - all).mm((1 - probabilities).log().t());               // [64, 3601]
        var logPz = -0.5 * z.square().squeeze(1) - 0.5 * Math.Log(2 * Math.PI);
        var logP = (logPxz + logPz).logsumexp(1) + Math.Log(1 / 200.0);                                           // [64]

        Assert.Equal(1, logP.exp().sum().item<double>(), precision: 9);

        const int tries = 400;
        var batch = new Batch(all.view(64, 1, 2, 3));
        (double Mean, double Error) Bound(int k)
        {
            var values = stack([.. Enumerable.Range(0, tries).Select(_ => -LatentMetrics.Iwae(model, batch, k).mean())]);
            return (values.mean().item<double>(), values.std().item<double>() / Math.Sqrt(tries));
        }
        var elbo = stack([.. Enumerable.Range(0, tries).Select(_ => -model.Elbo(batch).Nll.mean())]);
        var (one, ten, many, exact) = (Bound(1), Bound(10), Bound(300), logP.mean().item<double>());

        Assert.Equal(one.Mean, elbo.mean().item<double>(), 4 * (one.Error + elbo.std().item<double>() / Math.Sqrt(tries)));   // L_1 is the ELBO
        Assert.True(one.Mean < ten.Mean - 3 * (one.Error + ten.Error));
        Assert.True(ten.Mean < many.Mean + 3 * many.Error);
        Assert.True(many.Mean < exact + 3 * many.Error);
        Assert.Equal(exact, many.Mean, 0.02);                                                                     // and it is nearly there
    }
}
