using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public class PlaneDensityTests
{
    private static readonly PictureShape point = new(2, 1, 1);

    private static Tensor Points(string set, int count) => DataSet.Open(new DataSettings { Set = set }).Train.InOrder(0, count, PixelRange.Unit).X;

    private static VaeSettings Settings(Spread spread) => new() { Hidden = [], LatentDim = 2, Likelihood = new() { Kind = Likelihood.Gaussian, Sigma = 0.5, Spread = spread, SquashMean = false } };

    // ---- laws

    [Theory]
    [InlineData("ring", 2.3), InlineData("ring-doubled", 1.2), InlineData("grid", 4.5), InlineData("swiss-roll", 2.5)]
    public void The_law_of_a_toy_sums_to_one_over_the_plane(string name, double reach)
    {
        using var scope = NewDisposeScope();
        var toy = Toy.Named(name)!;
        var plane = new Plane(reach, (int)(2 * reach / toy.Deviation));                      // a sum in steps of a deviation is its integral to 1e-8
        Assert.Equal(1, plane.Share(PlaneDensity.OfLaw(toy, plane)), 1e-4);
    }

    // Eight Gaussians a hundred deviations apart: ln 8 + ln(2 pi e sigma^2) nats. Over 10,000 points the mean has a standard error of 0.01.
    [Fact]
    public void Points_of_the_ring_have_its_entropy()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(Math.Log(8) + Math.Log(2 * Math.PI * Math.E * 0.02 * 0.02), -Toy.Ring.LogDensity(Points("ring", 10_000)).mean().item<double>(), 0.04);
    }

    // The kernel, and that a point is only known to a cell, widen the law by a cell's side squared, and by a twelfth of it.
    [Theory]
    [InlineData("ring"), InlineData("swiss-roll")]
    public void The_density_of_samples_is_that_of_their_law_a_little_wider(string name)
    {
        using var scope = NewDisposeScope();
        var toy = Toy.Named(name)!;
        var plane = new Plane(2.5, 250);
        var wider = toy with { Deviation = Math.Sqrt(toy.Deviation * toy.Deviation + plane.Side * plane.Side * 13 / 12) };
        var (found, law) = (PlaneDensity.OfSamples(Points(name, 90_000), plane), PlaneDensity.OfLaw(wider, plane));
        Assert.InRange(plane.Share((found - law).abs()) / 2, 0, 0.05);                       // the share that would have to be moved
        Assert.True(plane.Share((found.flip(0) - law).abs()) / 2 > (name == "ring" ? 0 : 0.5));   // a roll upside down is another
    }

    [Fact]
    public void Samples_outside_the_square_are_counted_and_not_drawn()
    {
        using var scope = NewDisposeScope();
        var plane = new Plane(1, 10);
        var density = PlaneDensity.OfSamples(tensor(new[] { 0.95f, 0.95f, -0.95f, 0.95f, 5, 0, 0, float.NaN }).view(4, 2), plane);
        Assert.Equal(0.5, plane.Share(density), 1e-12);                                      // two of four; the kernel loses nothing at the edge
        Assert.True(density[0, 0].item<double>() > 0 && density[0, 9].item<double>() > 0);
        Assert.Equal(0, density[9].sum().item<double>(), 1e-6);
    }

    // ---- models

    // x = W z + b + s eps is N(b, W W' + s^2 I), and with the exact posterior every bound is log p(x), nats of the plane.
    [Fact]
    public void On_points_the_bounds_and_the_density_are_those_of_the_closed_form()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var model = new Vae(point, Settings(Spread.Fixed) with { Posterior = PosteriorFamily.FullNormal }).to(ScalarType.Float64);
        Tensor w = tensor(new[] { 0.9, -0.4, 0.3, 0.7 }).view(2, 2), b = tensor(new[] { -1.5, 2.0 });
        const double s = 0.5;
        var posterior = (eye(2, dtype: ScalarType.Float64) + w.t().mm(w) / (s * s)).inverse();
        var factor = linalg.cholesky(posterior);
        var gain = posterior.mm(w.t()) / (s * s);
        using (no_grad())
        {
            var state = model.state_dict();
            state["decoder.0.weight"].copy_(w);
            state["decoder.0.bias"].copy_(b);
            state["encoder.0.weight"].copy_(cat([gain, zeros([3, 2], ScalarType.Float64)]));
            state["encoder.0.bias"].copy_(cat([-gain.mv(b), 2 * factor.diagonal().log(), factor[1, 0].view(1)]));
        }
        var x = randn(200, 2, ScalarType.Float64) + b;
        var covariance = w.mm(w.t()) + s * s * eye(2, dtype: ScalarType.Float64);
        Tensor LogP(Tensor of) => -0.5 * ((of - b).mm(covariance.inverse()) * (of - b)).sum(1) - 0.5 * covariance.logdet() - Math.Log(2 * Math.PI);
        var batch = new Batch(x.view(-1, 2, 1, 1));

        Assert.True((LatentMetrics.Iwae(model, batch, 20) + LogP(x)).abs().max().item<double>() < 1e-10);
        var elbo = stack([.. Enumerable.Range(0, 400).Select(_ => -model.Elbo(batch).Nll.mean())]);
        Assert.Equal(LogP(x).mean().item<double>(), elbo.mean().item<double>(), 0.01);      // log p itself, for q is the posterior

        model.to(ScalarType.Float32);
        var density = PlaneDensity.LogDensity(model, x.view(-1, 2, 1, 1).to_type(ScalarType.Float32), 20_000, CPU);
        Assert.True((density - LogP(x)).abs().max().item<double>() < 0.15);
        Assert.Equal(LogP(x).mean().item<double>(), density.mean().item<double>(), 0.02);
    }

    [Theory]
    [InlineData(Spread.Fixed), InlineData(Spread.Learned), InlineData(Spread.EachPixel)]
    public void The_density_of_a_model_sums_to_one_and_agrees_with_importance_weights(Spread spread)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(8);
        var model = new Vae(point, Settings(spread) with { Hidden = [16] });
        var plane = new Plane(6, 60);
        Assert.Equal(1, plane.Share(PlaneDensity.OfModel(model, plane, 500, CPU)), 1e-3);
        var x = randn(50, 2, 1, 1) * 0.5;
        Assert.Equal(-LatentMetrics.Iwae(model, new Batch(x), 5000).mean().item<double>(), PlaneDensity.LogDensity(model, x, 5000, CPU).mean().item<double>(), 0.02);
    }

    // The decoder puts class c about (c, 0) whatever the code: p(x) is the mean of the eight.
    [Fact]
    public void A_model_that_is_told_the_class_has_the_density_of_all_classes()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var model = new Vae(point, Settings(Spread.Fixed) with { Conditional = true }, classes: 8);
        var weight = zeros(2, 2 + 8);
        for (var c = 0; c < 8; c++) weight[0, 2 + c] = c;
        model.state_dict()["decoder.0.weight"].copy_(weight);
        model.state_dict()["decoder.0.bias"].zero_();
        var expected = Enumerable.Range(0, 8).Average(c => Math.Exp(-(3.3 - c) * (3.3 - c) / 0.5) / (2 * Math.PI * 0.25));
        Assert.Equal(Math.Log(expected), PlaneDensity.LogDensity(model, tensor(new[] { 3.3f, 0 }).view(1, 2, 1, 1), 80, CPU).item<double>(), 1e-4);
    }

    // Many points and few bytes a chunk: the mean is over all codes, however they are cut.
    [Fact]
    public void The_mean_over_the_codes_is_the_same_however_they_are_cut()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(9);
        var model = new Vae(point, Settings(Spread.Fixed));
        var x = randn(1, 2, 1, 1);
        var one = PlaneDensity.LogDensity(model, x, 300, CPU);                               // in one chunk
        var many = PlaneDensity.LogDensity(model, x.expand(50_000, -1, -1, -1), 300, CPU);   // forty codes a chunk
        Assert.Equal(one.item<double>(), many[49_999].item<double>(), 1e-5);
    }

    [Fact]
    public void A_point_is_drawn_without_a_range()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var model = new Vae(point, Settings(Spread.Fixed));
        model.state_dict()["decoder.0.weight"].zero_();
        model.state_dict()["decoder.0.bias"].copy_(tensor(new[] { -3f, 4f }));
        var drawn = model.Draw(zeros(4000, 2), Enumerable.Range(0, 4000).Select(seed => (long)seed)).flatten(1);
        Assert.True((drawn.mean([0]) - tensor(new[] { -3f, 4f })).abs().max().item<float>() < 0.04);
        Assert.True((drawn.std(0) - 0.5).abs().max().item<float>() < 0.03);
    }

    // ---- what strays and what is missed

    [Fact]
    public void The_radius_holds_ninety_nine_of_a_hundred()
    {
        using var scope = NewDisposeScope();
        var fresh = stack([arange(101, dtype: ScalarType.Float64), zeros([101], ScalarType.Float64)], 1);   // 0 to 100 from the origin
        Assert.Equal(99, Straying.Radius(zeros(1, 2), fresh), 1e-6);
        Assert.Equal(1 / 101.0, Straying.Beyond(fresh, zeros(1, 2), 99.5), 1e-9);
        Assert.Equal(1, Straying.Beyond(full([10, 2], double.NaN), zeros(1, 2), 99));
    }

    [Fact]
    public void The_law_strays_and_misses_as_held_out_data_do_a_collapse_misses_and_a_blur_strays()
    {
        using var scope = NewDisposeScope();
        const int n = 4000;
        var data = DataSet.Open(new DataSettings { Set = "swiss-roll" });
        using var chance = new Generator(35, CPU);
        Tensor Fresh(int count) => data.Test!.InOrder(10_000, count, PixelRange.Unit).X;     // beyond those that are held out against it
        (double Off, double Missed) Of(Func<int, Tensor> draw)
        {
            var metrics = new SampleMetrics(new object(), data, null, CPU, (count, _) => draw(count));
            Measurement[] both = [.. new[] { $"off_manifold_{n}", $"missed_{n}" }.Select(name => metrics.Measure(SampleMetric.Parse(name)!)[0])];
            Assert.All(both, one => Assert.InRange(one.Floor!.Value, 0.004, 0.017));
            Assert.True(both[0].Ceiling > 0.6);
            return (both[0].Value, both[1].Value);
        }
        var law = Of(Fresh);
        Assert.InRange(law.Off, 0.004, 0.017);                                               // 0.01, with a standard error of 0.0022 for either
        Assert.InRange(law.Missed, 0.004, 0.017);
        var collapsed = Of(count => Fresh(50).repeat(count / 50, 1, 1, 1));
        Assert.True(collapsed.Off < 0.05 && collapsed.Missed > 0.5, $"{collapsed}");
        var blurred = Of(count => Fresh(count) + 0.3 * randn([count, 2, 1, 1], generator: chance));
        Assert.True(blurred.Off > 0.5 && blurred.Missed < 0.1, $"{blurred}");
        var broad = Of(count => 1.5 * randn([count, 2, 1, 1], generator: chance));
        Assert.True(broad.Off > 0.6 && broad.Missed < 0.5 * collapsed.Missed, $"{broad}");
    }

    // p(x|z) = N(a mode of the ring, 0.5^2 I) whatever z: the mean lies on the mode, and hardly a draw does.
    [Fact]
    public void Points_are_judged_as_they_are_drawn_and_not_by_their_means()
    {
        using var scope = NewDisposeScope();
        using (no_grad())
        {
            var model = new Vae(point, Settings(Spread.Fixed));
            model.state_dict()["decoder.0.weight"].zero_();
            model.state_dict()["decoder.0.bias"].copy_(tensor(new[] { 2f, 0 }));
            Assert.True(new SampleMetrics(model, DataSet.Open(new DataSettings { Set = "ring" }), null, CPU).Measure(SampleMetric.Parse("off_manifold_500")!)[0].Value > 0.9);
        }
    }

    [Theory]
    [InlineData("off_manifold_100"), InlineData("missed_100")]
    public void Pictures_have_no_plane_to_stray_in(string metric)
    {
        var data = DataSet.Open(new DataSettings());
        var error = Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, null, CPU).Measure(SampleMetric.Parse(metric)!));
        Assert.Equal($"{metric} is of points of the plane, and bundled is of pictures, among which distances say little; pictures have precision_recall_X_N.", error.Message);
    }

    [Fact]
    public void Points_have_no_bits_per_dimension()
    {
        var data = DataSet.Open(new DataSettings { Set = "ring" });
        Assert.Contains("points are not", Assert.Throws<MetricException>(() => LatentMetrics.Measure("bits_per_dim", new Vae(point, Settings(Spread.Fixed)), data.Validation, CPU, 10)).Message);
    }
}
