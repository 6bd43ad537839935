using Manifold.Data;
using Manifold.Distributions;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public class LatentMetricsTests
{
    private static readonly DataSet data = DataSet.Open(new DataSettings { Binarize = Binarization.Dynamic });

    /// <summary>A model that says what it is told to say.</summary>
    private sealed class Puppet(PictureShape shape) : IEvidenceModel
    {
        private long drawn;
        public Tensor? Weights { get; init; }                                                   // [K, B], handed out from the top
        public Func<Tensor, Tensor>? Mu { get; init; }

        public PictureShape Shape => shape;
        public long LatentDim => Latents;
        public long Latents { get; init; } = 3;
        public double Logvar { get; init; }
        public long WidestMap => shape.Dims;
        public bool IsDiscrete => true;
        public Tensor Decode(Tensor z, Tensor? condition = null) => zeros(z.shape[0], shape.Channels, shape.Height, shape.Width);
        public Posterior Encode(Batch batch) => new Posterior.Diagonal(LocationScale.Normal, Mu?.Invoke(batch.X) ?? zeros(batch.Count, 3), full([batch.Count, Latents], (float)Logvar));
        public ElboTerms Elbo(Batch batch) => throw new NotSupportedException();

        public Tensor LogPairs(Tensor x, Tensor z, Tensor? condition = null) => throw new NotSupportedException();

        public Tensor LogWeights(Batch batch, int k, Posterior? q = null)
        {
            drawn += k;
            return Weights!.narrow(0, drawn - k, k);
        }
    }

    private static Vae Model()
    {
        manual_seed(2);
        return new Vae(new PictureShape(1, 28, 28), new VaeSettings { Hidden = [16], LatentDim = 3 });
    }

    // Weights that differ by hundreds of nats, one sample in a chunk: neither the mean of logs nor a plain exponential survives it.
    [Fact]
    public void Iwae_is_the_log_of_the_mean_weight_however_it_is_cut()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var weights = randn(37, 2, dtype: ScalarType.Float64) * 200 - 900;
        var expected = Math.Log(37) - weights.logsumexp(0);
        var huge = LatentMetrics.Iwae(new Puppet(new PictureShape(1, 2048, 2048)) { Weights = weights }, new Batch(zeros(2, 1)), 37);
        var small = LatentMetrics.Iwae(new Puppet(new PictureShape(1, 1, 1)) { Weights = weights }, new Batch(zeros(2, 1)), 37);
        Assert.True((huge - expected).abs().max().item<double>() < 1e-9);
        Assert.True((small - expected).abs().max().item<double>() < 1e-9);
    }

    // Variances of the posterior mean: 0, 0.0081 and 0.0121; the line is at 0.01.
    [Fact]
    public void A_unit_is_active_when_its_mean_moves()
    {
        var model = new Puppet(new PictureShape(1, 28, 28))
        {
            Mu = x => stack([zeros(x.shape[0]), 0.09f * Signs(x.shape[0]), 5 + 0.11f * Signs(x.shape[0])], 1),
        };
        var found = LatentMetrics.Measure("active_units", model, data.Validation, CPU, 100);
        Assert.Equal(1, found.Value);
        Assert.Equal([0, 0.0081, 0.0121], found.PerLatent!.Select(variance => Math.Round(variance, 6)));
    }

    private static Tensor Signs(long n) => arange(n, dtype: ScalarType.Float32).remainder(2) * 2 - 1;

    [Fact]
    public void A_number_does_not_depend_on_what_was_measured_before_it()
    {
        using var model = Model();
        var alone = LatentMetrics.Measure("elbo", model, data.Validation, CPU, 150);
        LatentMetrics.Measure("iwae_3", model, data.Validation, CPU, 50);
        manual_seed(77);
        var after = LatentMetrics.Measure("elbo", model, data.Validation, CPU, 150);
        Assert.Equal((alone.Value, alone.StandardError), (after.Value, after.StandardError));
        Assert.Equal(150, alone.Count);
        Assert.NotEqual(alone.Value, LatentMetrics.Measure("elbo", model, data.Validation, CPU, 151).Value);
    }

    [Fact]
    public void Kl_per_dim_adds_up_to_the_kl_of_the_elbo()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        var perLatent = LatentMetrics.Measure("kl_per_dim", model, data.Validation, CPU, 200).PerLatent!;
        var batch = data.Validation.InOrder(0, 200, PixelRange.Unit);
        var q = (Posterior.Diagonal)model.Encode(batch);
        var (mu, logvar) = (q.Code, q.Logvar);
        var kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar);                                // [200, 3]
        Assert.Equal(kl.mean([0]).data<float>().ToArray().Select(value => (double)value), perLatent, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory]
    [InlineData("elbow", "Did you mean \"elbo\"?")]
    [InlineData("iwae_K", "K a number of samples")]
    [InlineData("iwae_0", "No metric")]
    public void An_unknown_metric_is_refused_by_name(string metric, string message)
    {
        using var model = Model();
        Assert.Contains(message, Assert.Throws<MetricException>(() => LatentMetrics.Measure(metric, model, data.Validation, CPU, 10)).Message);
    }

    // nll / (784 ln 2) for coins; a density of (byte + u) / 256 has 8 bits more; one of undequantized pixels has none.
    [Fact]
    public void Bits_per_dim_are_of_probabilities_or_of_dequantized_densities()
    {
        var coins = Model();
        var nats = -LatentMetrics.Measure("elbo", coins, data.Validation, CPU, 100).Value;
        Assert.Equal(nats / (784 * Math.Log(2)), LatentMetrics.Measure("bits_per_dim", coins, data.Validation, CPU, 100).Value, 1e-9);

        var density = new Vae(new PictureShape(1, 28, 28), new VaeSettings { Hidden = [16], LatentDim = 3, Likelihood = new() { Kind = Manifold.Layers.Likelihood.Gaussian } });
        var spread = DataSet.Open(new DataSettings { Dequantize = true }).Validation;
        var dense = -LatentMetrics.Measure("elbo", density, spread, CPU, 100).Value;
        Assert.Equal(dense / (784 * Math.Log(2)) + 8, LatentMetrics.Measure("bits_per_dim", density, spread, CPU, 100).Value, 1e-9);
        Assert.Contains("data.dequantize=true", Assert.Throws<MetricException>(() => LatentMetrics.Measure("bits_per_dim", density, DataSet.Open(new DataSettings()).Validation, CPU, 100)).Message);
    }

    // Posteriors N(+-m, s^2) in one latent, half of the pictures each: KL of the two-humped mixture to N(0, 1), by a fine grid.
    [Theory]
    [InlineData(0, 1, 0.0)]                                                                         // the posterior is the prior
    [InlineData(2, 0.25, null)]
    public void The_aggregate_kl_is_that_of_the_mixture(double m, double s, double? known)
    {
        const int n = 1000;
        var model = new Puppet(new PictureShape(1, 28, 28))
        {
            Mu = x => (m * Signs(x.shape[0])).unsqueeze(1).repeat(1, 1).to_type(ScalarType.Float32),
            Logvar = Math.Log(s * s),
            Latents = 1,
        };
        var found = LatentMetrics.Measure("aggregate_kl", model, data.Validation, CPU, n);
        var z = arange(-12, 12, 1e-3, ScalarType.Float64);
        Tensor Log(double mean) => -0.5 * ((z - mean) / s).square() - Math.Log(s) - 0.5 * Math.Log(2 * Math.PI);
        var logQ = logaddexp(Log(m), Log(-m)) - Math.Log(2);
        var logP = -0.5 * z.square() - 0.5 * Math.Log(2 * Math.PI);
        var expected = known ?? (logQ.exp() * (logQ - logP)).sum().item<double>() * 1e-3;
        Assert.Equal(expected, found.Value, 4 * found.StandardError!.Value + 1e-5);
        Assert.Equal(n, found.Count);
    }

    [Fact]
    public void The_collapse_report_counts_latents_that_say_nothing()
    {
        var report = CollapseReport.Of("collapse", [1.5, 0.002, 0.3, 0.0], [0.8, 0.0, 0.001, 0], [("z1", 3), ("z2", 1)], 100);
        Assert.Equal(2, report.Value);
        Assert.Equal(
            ["z1: 1.80 nats in 2 of 3 latents", "  latent    0  KL   1.5000  Var(code)   0.8000  active", "  latent    2  KL   0.3000  Var(code)   0.0010  noise that costs",
             "  latent    1  KL   0.0020  Var(code)   0.0000  collapsed", "z2: 0.00 nats in 0 of 1 latents", "  latent    3  KL   0.0000  Var(code)   0.0000  collapsed", "No collapse to speak of."],
            report.Details);
        Assert.StartsWith("Every latent has collapsed", CollapseReport.Of("collapse", [0, 0.001], [0, 0], [("z", 2)], 100).Details[^1]);
    }

    // White noise has all frequencies alike, no spike at the finest stripes; the same with a faint checkerboard of period two has one.
    [Fact]
    public void A_checkerboard_stands_out()
    {
        manual_seed(3);
        var smooth = rand(200, 1, 33, 31) * 0.1f;
        Tensor rows = (arange(33) % 2 * 2 - 1).view(33, 1).to_type(ScalarType.Float32), columns = (arange(31) % 2 * 2 - 1).to_type(ScalarType.Float32);
        var plain = Checkerboard.Of(smooth);
        Assert.InRange(plain, 0.9, 1.1);
        Assert.True(Checkerboard.Of(smooth + 0.05f * rows * columns) > 10 * plain);
        Assert.True(Checkerboard.Of(smooth + 0.05f * columns.unsqueeze(0)) > 10 * plain);             // stripes too
        Assert.Equal(plain, Checkerboard.Of(smooth * 3 + 1), plain * 1e-4);                           // contrast and brightness do not matter
    }

    [Fact]
    public void A_model_and_the_data_have_their_checkerboards_side_by_side()
    {
        var found = LatentMetrics.Measure("checkerboard_200", Model(), data.Validation, CPU);
        Assert.InRange(found.Value, 0.5, 2);                                                           // an untrained linear decoder favours no pixel
        Assert.InRange(found.Reference!.Value, 0.5, 2);
        Assert.Equal(200, found.Count);
    }

    // Five hundred samples of each of forty pictures; all at once their widest maps alone would be 1 GB.
    [Fact]
    public void Five_hundred_samples_do_not_take_five_hundred_times_the_memory()
    {
        manual_seed(4);
        var model = new Vae(new PictureShape(1, 28, 28), new VaeSettings { Network = Network.Conv, LatentDim = 4, Conv = new() { Channels = [16, 8], Blocks = [0, 0] } });
        LatentMetrics.Measure("iwae_10", model, data.Validation, CPU, 40);                            // libtorch's own warm-up
        var memory = new PeakMemory();
        LatentMetrics.Measure("iwae_500", model, data.Validation, CPU, 40);
        Assert.True(memory.Growth < 100_000_000, $"{memory.Growth:N0} bytes");
    }
}
