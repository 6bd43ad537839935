using Manifold.Data;
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
        public long LatentDim => 3;
        public Tensor Decode(Tensor z) => zeros(z.shape[0], shape.Channels, shape.Height, shape.Width);
        public (Tensor Mu, Tensor Logvar) Encode(Tensor x) => (Mu!(x), zeros(x.shape[0], 3));
        public ElboTerms Elbo(Batch batch) => throw new NotSupportedException();

        public Tensor LogWeights(Batch batch, int k)
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
        var (mu, logvar) = model.Encode(batch.X);
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
}
