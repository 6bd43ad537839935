using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Layers;
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
        var error = Assert.Throws<ArgumentException>(() => new Vae(Small, Tiny).Encode(new Batch(zeros(8, 1, 28, 28))));
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
        Assert.Contains("likelihood.log_sigma", new Vae(Small, Tiny with { Likelihood = new() { Kind = Likelihood.Gaussian } }).state_dict().Keys);
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
        var model = new Vae(shape, new VaeSettings { Hidden = [], LatentDim = 2, Likelihood = new() { Kind = Likelihood.Gaussian, Sigma = s, Spread = Spread.Fixed, SquashMean = false } }).to(ScalarType.Float64);
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

    // The same with any W, so that the exact posterior has covariances, and a posterior that can have them. A draw's log-weight is log p(x)
    // whatever the draw. The forms with a KL or an entropy in closed form scatter, by a quadratic of eps: its mean over the 2 D points
    // +-sqrt(D) e_i is its expectation exactly. So all forms and every L_k are log p(x) to 1e-10.
    [Fact]
    public void On_the_linear_gaussian_model_all_forms_of_the_bound_are_log_p()
    {
        manual_seed(6);
        const double s = 0.6;
        const int d = 3;
        var model = new Vae(new PictureShape(1, 2, 3), new VaeSettings
        {
            Hidden = [],
            LatentDim = d,
            Posterior = PosteriorFamily.FullNormal,
            Likelihood = new() { Kind = Likelihood.Gaussian, Sigma = s, Spread = Spread.Fixed, SquashMean = false },
        }).to(ScalarType.Float64);
        Tensor w = randn(6, d, ScalarType.Float64), b = randn(6, ScalarType.Float64);
        var posterior = (eye(d, dtype: ScalarType.Float64) + w.t().mm(w) / (s * s)).inverse();                    // its covariance
        var factor = linalg.cholesky(posterior);
        var gain = posterior.mm(w.t()) / (s * s);                                                                 // [D, 6]
        using (no_grad())
        {
            var state = model.state_dict();
            state["decoder.0.weight"].copy_(w);
            state["decoder.0.bias"].copy_(b);
            state["encoder.0.weight"].copy_(cat([gain, zeros([2 * d, 6], ScalarType.Float64)]));
            state["encoder.0.bias"].copy_(cat([-gain.mv(b), 2 * factor.diagonal().log(), stack([factor[1, 0], factor[2, 0], factor[2, 1]])]));
        }
        var x = randn(5, 6, ScalarType.Float64);
        var covariance = w.mm(w.t()) + s * s * eye(6, dtype: ScalarType.Float64);
        var away = x - b;
        var logP = -0.5 * (away.mm(covariance.inverse()) * away).sum(1) - 0.5 * covariance.logdet() - 3 * Math.Log(2 * Math.PI);   // [5]
        var batch = new Batch(x.view(5, 1, 2, 3));
        var q = model.Encode(batch);

        foreach (var k in new[] { 1, 2, 50 }) Assert.True((new IwaeTerms(model.LogWeights(batch, k)).Nll + logP).abs().max().item<double>() < 1e-10);
        foreach (var form in Enum.GetValues<ElboForm>())
        {
            var bounds = Enumerable.Range(0, 2 * d).Select(i =>
            {
                var eps = zeros(5, d, ScalarType.Float64);
                eps[.., i / 2] = (i % 2 == 0 ? 1 : -1) * Math.Sqrt(d);
                return -model.Elbo(batch, q, eps, form).Nll;
            }).ToList();
            Assert.True((stack(bounds).mean([0]) - logP).abs().max().item<double>() < 1e-10, $"{form}");
            if (form == ElboForm.MonteCarlo) Assert.True((stack(bounds) - logP).abs().max().item<double>() < 1e-10);   // each of them
        }
    }

    // Away from the exact posterior too: the three forms have one expectation, for every family and prior.
    [Theory]
    [InlineData(PosteriorFamily.Normal, PriorFamily.Normal)]
    [InlineData(PosteriorFamily.FullNormal, PriorFamily.Laplace)]
    [InlineData(PosteriorFamily.Laplace, PriorFamily.Laplace)]
    [InlineData(PosteriorFamily.Logistic, PriorFamily.Normal)]
    [InlineData(PosteriorFamily.StudentT, PriorFamily.Normal)]
    [InlineData(PosteriorFamily.StudentT, PriorFamily.Laplace)]
    [InlineData(PosteriorFamily.SigmoidLogistic, PriorFamily.Cube)]
    public void The_forms_of_the_bound_agree_in_expectation(PosteriorFamily posterior, PriorFamily prior)
    {
        manual_seed(7);
        const int tries = 20_000;
        var model = new Vae(Small, Tiny with { Posterior = posterior, Prior = prior, LatentDim = 3 }).to(ScalarType.Float64);
        using var _ = no_grad();
        foreach (var parameter in model.parameters()) parameter.mul_(2);
        var one = bernoulli(full([1, 1, 4, 4], 0.5)).to_type(ScalarType.Float64);
        var many = new Batch(one.expand(tries, -1, -1, -1));
        var q = model.Encode(many);
        var means = Enum.GetValues<ElboForm>().Select(form =>
        {
            var nll = model.Elbo(many, q, q.Noise(), form).Nll;
            return (Mean: nll.mean().item<double>(), Error: nll.std().item<double>() / Math.Sqrt(tries));
        }).ToList();
        foreach (var (mean, error) in means.Skip(1)) Assert.Equal(means[0].Mean, mean, 4 * (error + means[0].Error));
        var iwae = LatentMetrics.Iwae(model, new Batch(one), 5_000).item<double>();
        Assert.True(iwae < means[0].Mean + 4 * means[0].Error);                                                   // a bound is not above a tighter one
    }

    // One gradient in expectation: of the reparameterized estimator and of the score function's, with and without a baseline; the score's scatters more.
    [Fact]
    public void The_score_function_has_the_same_gradient_in_expectation_and_more_scatter()
    {
        manual_seed(8);
        const int tries = 4_000;
        var model = new Vae(Small, Tiny with { Hidden = [4], LatentDim = 1 }).to(ScalarType.Float64);
        var x = bernoulli(full([8, 1, 4, 4], 0.5)).to_type(ScalarType.Float64);
        var batch = new Batch(x);
        var weights = model.named_parameters().Where(p => p.name.StartsWith("encoder.0.weight", StringComparison.Ordinal)).Select(p => p.parameter).Single();
        var outputs = model.named_parameters().Where(p => p.name.StartsWith("decoder", StringComparison.Ordinal)).Select(p => p.parameter).First();
        (Tensor Mean, Tensor Error, double Variance, double Value, Tensor Decoder) Gradients(Func<ElboTerms> terms)
        {
            var grads = new List<Tensor>();
            var decoders = new List<Tensor>();
            var value = 0.0;
            for (var i = 0; i < tries; i++)
            {
                using var scope = NewDisposeScope();
                model.zero_grad();
                var loss = terms().Nll.mean();
                loss.backward();
                value += loss.item<double>() / tries;
                grads.Add(weights.grad!.flatten().clone().MoveToOuterDisposeScope());
                decoders.Add(outputs.grad!.flatten().clone().MoveToOuterDisposeScope());
            }
            var all = stack(grads);
            return (all.mean([0]), all.std(0) / Math.Sqrt(tries), all.var(0).mean().item<double>(), value, stack(decoders).mean([0]));
        }

        var path = Gradients(() => model.Elbo(batch));
        var score = Gradients(() => model.ScoreFunctionElbo(batch, baseline: false));
        var baseline = Gradients(() => model.ScoreFunctionElbo(batch, baseline: true));

        foreach (var other in new[] { score, baseline })
        {
            Assert.True(((path.Mean - other.Mean).abs() - 4 * (path.Error + other.Error)).max().item<double>() < 1e-12);   // a pixel that is black in all has none
            Assert.Equal(path.Value, other.Value, 0.05);                                                          // the value reported is that of the ELBO
            Assert.True((path.Decoder - other.Decoder).abs().max().item<double>() < 0.02);                        // the decoder's gradient needs no score
        }
        Assert.True(score.Variance > 10 * path.Variance);
        Assert.True(baseline.Variance < score.Variance / 2);
    }

    [Fact]
    public void A_conditional_model_uses_the_class_both_ways_and_needs_it()
    {
        manual_seed(9);
        foreach (var network in Enum.GetValues<Network>())
        {
            var model = new Vae(Small, Tiny with { Conditional = true, Network = network, Conv = new() { Channels = [4, 4], Blocks = [0, 1] } }, classes: 3);
            var x = bernoulli(full([2, 1, 4, 4], 0.5f));
            var batch = new Batch(x) { Labels = tensor(new long[] { 0, 2 }) };
            var other = batch with { Labels = tensor(new long[] { 1, 2 }) };
            Tensor a = model.Encode(batch).Code, b = model.Encode(other).Code;
            Assert.NotEqual(a[0].data<float>().ToArray(), b[0].data<float>().ToArray());
            Assert.True((a[1] - b[1]).abs().max().item<float>() < 1e-6);
            var z = zeros(1, 2).expand(2, -1);
            var pictures = model.Decode(z, Condition.OneHot(batch.Labels, 3));
            Assert.NotEqual(pictures[0].flatten().data<float>().ToArray(), pictures[1].flatten().data<float>().ToArray());
            Assert.Equal([5, 2], model.LogWeights(batch, 5).shape);
            Assert.StartsWith("condition is missing; the model needs one of 3 classes", Assert.Throws<ArgumentException>(() => model.Decode(z)).Message);
            Assert.StartsWith("The model makes pictures of one of 3 classes, and there are no labels", Assert.Throws<ArgumentException>(() => model.Encode(new Batch(x))).Message);
            Assert.StartsWith("labels go from 0 to 3; the model has the classes 0 to 2.", Assert.Throws<ArgumentException>(() => model.Encode(batch with { Labels = tensor(new long[] { 0, 3 }) })).Message);
        }
        Assert.StartsWith("condition is given; the model takes no classes.", Assert.Throws<ArgumentException>(() => new Vae(Small, Tiny).Decode(zeros(1, 2), ones(1, 3))).Message);
        Assert.StartsWith("model.conditional is true, and the data has no labels", Assert.Throws<ArgumentException>(() => new Vae(Small, Tiny with { Conditional = true })).Message);
    }

    // Log-weights of several samples at once are those of one after another with the same noise: no axis is mixed up, classes among them.
    [Fact]
    public void Samples_and_examples_are_not_mixed_up()
    {
        manual_seed(10);
        var model = new Vae(Small, Tiny with { Conditional = true, LatentDim = 2 }, classes: 4).to(ScalarType.Float64);
        var batch = new Batch(bernoulli(full([3, 1, 4, 4], 0.5)).to_type(ScalarType.Float64)) { Labels = tensor(new long[] { 3, 0, 1 }) };
        var z = randn(5, 3, 2, ScalarType.Float64);
        var together = model.LogPxz(batch, z);
        for (var k = 0; k < 5; k++) Assert.True((together[k] - model.LogPxz(batch, z[k])).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void Latents_are_told_apart_by_group()
    {
        manual_seed(11);
        var model = new Vae(Small, Tiny with { LatentDim = 5, Groups = [2, 3] });
        var terms = model.Elbo(Coins(7));
        Assert.Equal(["z1", "z2"], terms.KlByLatent.Keys);
        Assert.Equal([7, 2], terms.KlByLatent["z1"].shape);
        Assert.Equal([7, 3], terms.KlByLatent["z2"].shape);
        Assert.True((terms.Kl - terms.KlByLatent.Values.Aggregate(zeros(7), (sum, kl) => sum + kl.sum(1))).abs().max().item<float>() < 1e-4);
        Assert.Equal(["log_pxz", "kl", "kl_z1", "kl_z2"], terms.Parts.Select(part => part.Name));
    }

    [Theory]
    [InlineData("cube", "normal", "model.prior is cube; it needs model.posterior=sigmoid_logistic")]
    [InlineData("normal", "sigmoid_logistic", "model.posterior is sigmoid_logistic, which lives in the cube")]
    public void Prior_and_posterior_must_go_together(string prior, string posterior, string message)
    {
        var settings = Tiny with { Prior = Enum.Parse<PriorFamily>(prior, true), Posterior = Enum.Parse<PosteriorFamily>(posterior.Replace("_", ""), true) };
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(settings.Validated).Message);
    }

    // A draw of pixels belongs to its code and seed, whatever the others in the batch.
    [Fact]
    public void A_drawn_picture_is_a_function_of_code_and_seed()
    {
        manual_seed(12);
        var model = new Vae(Small, Tiny);
        var z = randn(3, 2);
        var all = model.Draw(z, [5, 6, 7]);
        Assert.Equal(all[1].flatten().data<float>().ToArray(), model.Draw(z[1..2], [6]).flatten().data<float>().ToArray());
        Assert.NotEqual(all[1].flatten().data<float>().ToArray(), model.Draw(z[1..2], [8]).flatten().data<float>().ToArray());
        Assert.All(all.flatten().data<float>().ToArray(), value => Assert.True(value is 0 or 1));
    }

    // Pictures that are nearly all black: the outputs start at their mean, so that not every pixel pulls the same way. Others leave zero, which is grey.
    [Theory]
    [InlineData(Network.Mlp, Spread.Learned, true)]
    [InlineData(Network.Conv, Spread.Learned, true)]
    [InlineData(Network.Conv, Spread.EachPixel, true)]
    [InlineData(Network.Conv, Spread.Learned, false)]
    public void A_squashed_mean_starts_at_that_of_pictures_which_are_nearly_all_black(Network network, Spread spread, bool dark)
    {
        manual_seed(1);
        var vae = new Vae(new PictureShape(3, 8, 8), new VaeSettings { Network = network, Hidden = [8], LatentDim = 2, Conv = new() { Channels = [4], Blocks = [0] }, Likelihood = new() { Kind = Likelihood.Gaussian, Spread = spread } });
        using var _ = no_grad();
        var before = vae.Decode(zeros(4, 2)).mean([0, 2, 3]);
        var x = full([4, 3, 8, 8], dark ? 0.05f : 0.4f);
        x.narrow(1, 2, 1).fill_(0.5);
        vae.StartFrom(new Batch(x));
        var mean = vae.Decode(zeros(4, 2)).mean([0, 2, 3]);
        if (dark) Assert.InRange(mean[0].item<float>(), 0.03, 0.08);
        else Assert.Equal(before.data<float>().ToArray(), mean.data<float>().ToArray());
        Assert.InRange(mean[2].item<float>(), 0.35, 0.65);
    }
}
