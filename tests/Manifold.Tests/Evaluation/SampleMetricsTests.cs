using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public class SampleMetricsTests
{
    private static Tensor Cloud(int seed, int count, int dims, double shift = 0)
    {
        using var chance = new Generator((ulong)seed, CPU);
        return randn([count, dims], ScalarType.Float64, generator: chance) + shift;
    }

    // ---- Fréchet

    [Fact]
    public void The_frechet_distance_of_a_set_to_itself_is_zero_and_it_is_symmetric()
    {
        using var scope = NewDisposeScope();
        Tensor a = Cloud(1, 300, 6), b = Cloud(2, 300, 6, 0.3) * 1.5;
        Assert.Equal(0, Frechet.Distance(a, a), 1e-9);
        Assert.Equal(Frechet.Distance(a, b), Frechet.Distance(b, a), 1e-9);
    }

    // Of two Gaussians with diagonal covariances: sum (m1 - m2)^2 + (s1 - s2)^2.
    [Fact]
    public void The_frechet_distance_of_gaussians_has_a_closed_form()
    {
        using var scope = NewDisposeScope();
        Tensor m1 = tensor(new[] { 1.0, -2, 0.5 }), m2 = tensor(new[] { 0.0, 1, 0.5 }), s1 = tensor(new[] { 1.0, 2, 0.1 }), s2 = tensor(new[] { 3.0, 0.5, 0.1 });
        var expected = ((m1 - m2).square() + (s1 - s2).square()).sum().item<double>();
        Assert.Equal(expected, Frechet.Distance(m1, diag(s1.square()), m2, diag(s2.square())), 1e-10);
        var turn = linalg.qr(Cloud(3, 3, 3)).Q;                                            // both turned alike: the same distance
        Tensor Turned(Tensor s) => matmul(matmul(turn, diag(s.square())), turn.t());
        Assert.Equal(expected, Frechet.Distance(turn.mv(m1), Turned(s1), turn.mv(m2), Turned(s2)), 1e-9);
    }

    [Fact]
    public void The_frechet_distance_of_one_law_falls_with_its_samples_and_its_limit_is_near_zero()
    {
        using var scope = NewDisposeScope();
        var reference = Cloud(4, 20_000, 8);
        double few = Frechet.Distance(reference, Cloud(5, 200, 8)), many = Frechet.Distance(reference, Cloud(5, 2000, 8));
        Assert.InRange(few / many, 5, 20);                                                 // as 1 / N
        Assert.InRange(Math.Abs(Frechet.AtInfinity(reference, Cloud(6, 4000, 8))), 0, many / 2);
    }

    [Fact]
    public void The_frechet_distance_bears_fewer_samples_than_features()
    {
        using var scope = NewDisposeScope();
        Assert.True(double.IsFinite(Frechet.Distance(Cloud(7, 10, 40), Cloud(8, 12, 40))));
    }

    // ---- kernel

    [Fact]
    public void The_kernel_distance_is_that_of_slow_sums()
    {
        using var scope = NewDisposeScope();
        Tensor x = Cloud(9, 7, 3), y = Cloud(10, 7, 3, 0.5);
        double K(Tensor p, Tensor q) => Math.Pow(p.dot(q).item<double>() / 3 + 1, 3);
        double sum = 0;
        for (var i = 0; i < 7; i++)
            for (var j = 0; j < 7; j++)
                sum += (i == j ? 0 : (K(x[i], x[j]) + K(y[i], y[j])) / (7 * 6)) - 2 * K(x[i], y[j]) / 49;
        Assert.Equal(sum, KernelDistance.Of(x, y).Mean, 1e-9);
    }

    [Fact]
    public void The_kernel_distance_of_one_law_is_zero_within_its_error()
    {
        using var scope = NewDisposeScope();
        var values = Enumerable.Range(0, 100).Select(i => KernelDistance.Of(Cloud(1000 + i, 60, 4), Cloud(5000 + i, 60, 4)).Mean).ToList();
        var error = Math.Sqrt(values.Sum(v => (v - values.Average()) * (v - values.Average())) / 99 / 100);
        Assert.InRange(values.Average(), -2.5 * error, 2.5 * error);
        Assert.Contains(values, value => value < 0);
        Assert.True(KernelDistance.Of(Cloud(1, 400, 4), Cloud(2, 400, 4, 1), subsets: 20, size: 100).Mean > 1);
    }

    // ---- precision, recall, density, coverage

    [Fact]
    public void Identical_sets_have_precision_recall_and_coverage_of_one()
    {
        using var scope = NewDisposeScope();
        var x = Cloud(11, 200, 3);
        Assert.Equal((1, 1), Neighbours.PrecisionRecall(x, x));
        Assert.Equal(1, Neighbours.DensityCoverage(x, x).Coverage);
    }

    [Fact]
    public void A_mode_that_is_missed_costs_recall_and_an_outlier_costs_precision()
    {
        using var scope = NewDisposeScope();
        var real = cat([Cloud(12, 200, 2) * 0.1, Cloud(13, 200, 2) * 0.1 + 10]);
        var oneMode = Cloud(14, 400, 2) * 0.05;
        var (precision, recall) = Neighbours.PrecisionRecall(real, oneMode);
        Assert.True(precision > 0.97);
        Assert.InRange(recall, 0.05, 0.5);
        Assert.Equal(0, Neighbours.PrecisionRecall(real, Cloud(15, 400, 2) + 100).Precision);
        Assert.InRange(Neighbours.DensityCoverage(real, oneMode).Coverage, 0.05, 0.5);
    }

    // Naeem et al. 2020, lemma 1: for one law, E[density] = 1 and E[coverage] = 1 - (M - 1)...(M - k) / ((2M - 1)...(2M - k)).
    [Fact]
    public void For_one_law_density_and_coverage_are_those_of_the_lemma()
    {
        using var scope = NewDisposeScope();
        const int M = 400, k = 5;
        var results = Enumerable.Range(0, 10).Select(i => Neighbours.DensityCoverage(Cloud(100 + i, M, 4), Cloud(200 + i, M, 4), k)).ToList();
        var expected = 1 - Enumerable.Range(1, k).Aggregate(1.0, (p, i) => p * (M - i) / (2.0 * M - i));
        Assert.Equal(1, results.Average(r => r.Density), 0.05);
        Assert.Equal(expected, results.Average(r => r.Coverage), 0.01);
    }

    [Fact]
    public void Neighbours_are_those_of_slow_search()
    {
        using var scope = NewDisposeScope();
        Tensor a = Cloud(16, 30, 5), b = Cloud(17, 40, 5);
        var (squared, which) = Neighbours.Nearest(a, b);
        for (var i = 0; i < 30; i++)
        {
            var all = Enumerable.Range(0, 40).Select(j => (a[i] - b[j]).square().sum().item<double>()).ToList();
            Assert.Equal(all.IndexOf(all.Min()), which[i].item<long>());
            Assert.Equal(all.Min(), squared[i].item<double>(), 1e-9);
        }
    }

    // ---- inception score

    [Fact]
    public void The_inception_score_is_the_number_of_classes_or_one()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(7, InceptionScore.Of(eye(7).repeat(20, 1), splits: 10).Mean, 1e-6);
        Assert.Equal(1, InceptionScore.Of(full([100, 7], 1 / 7.0)).Mean, 1e-9);
        var mixed = tensor(new[] { 0.9, 0.1, 0.2, 0.8 }).view(2, 2);
        double P(double p, double q) => p * Math.Log(p / q);
        Assert.Equal(Math.Exp((P(0.9, 0.55) + P(0.1, 0.45) + P(0.2, 0.55) + P(0.8, 0.45)) / 2), InceptionScore.Of(mixed, splits: 1).Mean, 1e-9);
    }

    // ---- sliced Wasserstein

    [Fact]
    public void The_sliced_distance_is_zero_to_itself_symmetric_and_grows_with_blur()
    {
        using var scope = NewDisposeScope();
        using var chance = new Generator(18, CPU);
        Tensor a = rand([20, 1, 32, 32], generator: chance), b = rand([20, 1, 32, 32], generator: chance);
        Assert.All(SlicedWasserstein.Of(a, a), level => Assert.True(level < 60));          // the patches are of other places, no more
        Assert.Equal(2, SlicedWasserstein.Of(a, b).Count);
        var blurred = nn.functional.avg_pool2d(nn.functional.pad(b, [1, 1, 1, 1], PaddingModes.Reflect), 3, 1);
        Assert.True(SlicedWasserstein.Of(a, blurred)[0] > 2 * SlicedWasserstein.Of(a, b)[0]);
        Assert.Throws<ArgumentException>(() => SlicedWasserstein.Of(a, b[..10]));
    }

    // What is one grey has nothing at the finest level, and is that grey at the coarsest.
    [Fact]
    public void A_pyramid_parts_detail_from_what_is_left()
    {
        using var scope = NewDisposeScope();
        var levels = SlicedWasserstein.Pyramid(full([2, 1, 64, 64], 0.5f));
        Assert.Equal([64, 32, 16], levels.Select(level => level.shape[2]));
        Assert.True(levels[0][.., .., 4..60, 4..60].abs().max().item<float>() < 1e-3);
        Assert.True(levels[2].allclose(full([2, 1, 16, 16], 127.5f), 1e-4, 1e-3));
    }

    // ---- two-sample, rank and Parzen

    [Fact]
    public void Two_sets_of_one_law_give_p_values_that_are_uniform()
    {
        var p = Enumerable.Range(0, 50).Select(i =>
        {
            using var scope = NewDisposeScope();
            return TwoSample.Of(Cloud(2 * i, 200, 2).to_type(ScalarType.Float32).view(-1, 2, 1, 1), Cloud(2 * i + 1, 200, 2).to_type(ScalarType.Float32).view(-1, 2, 1, 1), epochs: 2, seed: i).P;
        }).Order().ToList();
        var gap = p.Index().Max(pair => Math.Max(Math.Abs(pair.Item - pair.Index / 50.0), Math.Abs(pair.Item - (pair.Index + 1) / 50.0)));
        Assert.True(gap < 1.63 / Math.Sqrt(50), $"Kolmogorov-Smirnov {gap}");              // 1 % of fair p-values would be farther off
    }

    [Fact]
    public void Two_laws_are_told_apart()
    {
        using var scope = NewDisposeScope();
        var test = TwoSample.Of(Cloud(1, 1000, 2).to_type(ScalarType.Float32).view(-1, 2, 1, 1), Cloud(2, 1000, 2, 2).to_type(ScalarType.Float32).view(-1, 2, 1, 1));
        Assert.Equal(0.921, test.Accuracy, 0.03);                                          // Phi(sqrt(2)): means 2 sqrt 2 apart
        Assert.Equal(1000, test.Tests);
        Assert.True(test.P < 1e-50);
    }

    [Fact]
    public void The_rank_test_counts_pairs_and_ties()
    {
        var (share, p) = RankTest.IsSmaller([1, 2, 2, 3], [2, 4, 5, 6]);
        Assert.Equal((4 + 3.5 + 3.5 + 3) / 16, share, 1e-12);                              // of sixteen pairs, ties half
        Assert.InRange(p, 0.02, 0.06);
        Assert.Equal(0.5, RankTest.IsSmaller([1, 1, 1], [1, 1, 1]).P);
        Assert.Equal(0.9773, RankTest.NormalBelow(2), 1e-4);
        Assert.Equal(1 - 0.9713, RankTest.AtLeast(60, 100), 1e-3);
    }

    [Fact]
    public void The_parzen_window_is_the_mean_of_gaussians()
    {
        using var scope = NewDisposeScope();
        Tensor samples = Cloud(19, 5, 2), points = Cloud(20, 3, 2);
        for (var i = 0; i < 3; i++)
        {
            var density = Enumerable.Range(0, 5).Average(j => Math.Exp(-(points[i] - samples[j]).square().sum().item<double>() / (2 * 0.09)) / (2 * Math.PI * 0.09));
            Assert.Equal(Math.Log(density), Parzen.LogDensity(samples, points, 0.3)[i].item<double>(), 1e-9);
        }
        Assert.Equal(0.1, Parzen.Widths[0], 1e-12);
        Assert.Equal(1, Parzen.Widths[^1], 1e-12);
    }

    // ---- modes

    [Fact]
    public void Modes_are_counted_by_their_fair_share()
    {
        using var scope = NewDisposeScope();
        var toy = Toy.Ring;
        var data = DataSet.Open(new DataSettings { Set = toy.Name }).Test!.InOrder(0, 8000, PixelRange.Unit).X;
        var report = ModeReport.Of(toy, data);
        Assert.Equal((8, 8), (report.Covered, report.Touched));
        Assert.Equal(1 - Math.Exp(-4.5), report.HighQuality, 0.005);                       // within three deviations in the plane: 1 - exp(-9/2)
        Assert.InRange(report.Kl, 0, 5 * report.KlFloor);
        var three = cat([.. toy.Centres.Take(3).Select(c => tensor(new[] { c.X, c.Y }).view(1, 2).repeat(100, 1))]);
        Assert.Equal((3, 3), (ModeReport.Of(toy, three).Covered, ModeReport.Of(toy, three).Touched));
        Assert.Equal(Math.Log(8 / 3.0), ModeReport.Of(toy, three).Kl, 1e-9);
        var hardly = cat([three, tensor(new[] { toy.Centres[5].X, toy.Centres[5].Y }).view(1, 2)]);
        Assert.Equal((3, 4), (ModeReport.Of(toy, hardly).Covered, ModeReport.Of(toy, hardly).Touched));
    }

    // The LSGAN authors' ring has nine angles, the last the first.
    [Fact]
    public void The_doubled_ring_has_one_mode_of_two_ninths()
    {
        Assert.Equal(1, Toy.RingDoubled.Shares.Sum(), 1e-12);
        var labels = DataSet.Open(new DataSettings { Set = "ring-doubled" }).Train.InOrder(0, 9000, PixelRange.Unit).Labels!;
        Assert.Equal(2000, labels.eq(0).sum().item<long>(), 150.0);
    }

    // ---- memorization

    // Of ten, four of them marked, draw five: C(4, k) C(6, 5 - k) / C(10, 5) = 6, 60, 120, 60, 6 of 252.
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 246 / 252.0)]
    [InlineData(2, 186 / 252.0)]
    [InlineData(3, 66 / 252.0)]
    [InlineData(4, 6 / 252.0)]
    [InlineData(5, 0)]
    public void The_urns_tail_by_hand(int found, double p) => Assert.Equal(p, RankTest.MarkedAtLeast(found, 5, 4, 10), 1e-14);

    [Fact]
    public void The_urns_tail_counts_all_draws_and_bears_the_very_small()
    {
        foreach (var (drawn, marked, total) in new[] { (7, 5, 12), (3, 9, 11), (6, 6, 12), (0, 3, 8), (8, 3, 8) })
        {
            var ways = Enumerable.Range(0, 1 << total).Where(set => int.PopCount(set) == drawn).Select(set => int.PopCount(set & ((1 << marked) - 1))).ToList();
            for (var found = 0; found <= total; found++) Assert.Equal(ways.Count(w => w >= found) / (double)ways.Count, RankTest.MarkedAtLeast(found, drawn, marked, total), 1e-12);
        }
        // All of 500 among 6,000 of 12,000: the product of (6000 - i) / (12000 - i).
        var log = Enumerable.Range(0, 500).Sum(i => Math.Log((6000.0 - i) / (12000 - i)));
        Assert.Equal(1, RankTest.MarkedAtLeast(500, 500, 6000, 12_000) / Math.Exp(log), 1e-9);
        Assert.Equal(0.5, RankTest.MarkedAtLeast(251, 501, 6000, 12_000), 1e-9);          // an odd number of draws has no middle
        Assert.Equal(0, RankTest.MarkedAtLeast(6000, 6000, 6000, 12_000));                 // 1e-3600
        Assert.Throws<ArgumentException>(() => RankTest.MarkedAtLeast(1, 13, 6, 12));
    }

    private static double ShareBelow(IReadOnlyList<double> p, double limit) => p.Count(value => value < limit) / (double)p.Count;

    [Fact]
    public void An_honest_samplers_p_is_that_of_chance()
    {
        var found = Enumerable.Range(0, 400).Select(i =>
        {
            using var scope = NewDisposeScope();
            return Memorization.Of(Cloud(10_000 + i, 300, 4), Cloud(20_000 + i, 600, 4), Cloud(30_000 + i, 200, 4));
        }).ToList();
        foreach (var p in new[] { found.Select(m => m.Even.P).ToList(), [.. found.Select(m => m.All.P)] })
        {
            Assert.InRange(ShareBelow(p, 0.05), 0.01, 0.07);
            Assert.InRange(ShareBelow(p, 0.5), 0.38, 0.56);
        }
        Assert.All(found, m => Assert.Equal((0.5, 0.75), (m.Even.Fair, m.All.Fair)));
    }

    // Three points of the law, and 2,000 samples about them: a coin for each sample finds memories everywhere.
    [Theory]
    [InlineData(0.01)]
    [InlineData(0.5)]
    public void A_collapsed_samplers_p_is_that_of_chance_too(double jitter)
    {
        var found = Enumerable.Range(0, 200).Select(i =>
        {
            using var scope = NewDisposeScope();
            var samples = Cloud(40_000 + i, 3, 4).repeat(667, 1) + jitter * Cloud(50_000 + i, 2001, 4);
            return Memorization.Of(samples, Cloud(60_000 + i, 400, 4), Cloud(70_000 + i, 200, 4));
        }).ToList();
        Assert.True(ShareBelow([.. found.Select(m => m.PTrainWins)], 0.001) > 0.25);       // the coin
        Assert.InRange(ShareBelow([.. found.Select(m => m.Even.P)], 0.05), 0, 0.07);
        Assert.InRange(ShareBelow([.. found.Select(m => m.All.P)], 0.05), 0, 0.07);
        Assert.All(found, m => Assert.True(m.Even.P >= m.Even.Least && m.All.P >= m.All.Least));
        if (jitter < 0.1) Assert.All(found, m => Assert.True(m.Even.Hits < 12 && m.All.Least > 0.01));   // and it is seen that nothing can be told
    }

    // On a lattice nearly every nearest neighbour has equals in the other half.
    [Fact]
    public void Pictures_that_are_twice_in_the_pool_favour_neither_half()
    {
        var found = Enumerable.Range(0, 200).Select(i =>
        {
            using var scope = NewDisposeScope();
            return Memorization.Of((2 * Cloud(80_000 + i, 300, 2)).round(), (2 * Cloud(81_000 + i, 300, 2)).round(), (2 * Cloud(82_000 + i, 300, 2)).round());
        }).ToList();
        Assert.InRange(ShareBelow([.. found.Select(m => m.Even.P)], 0.05), 0, 0.08);
        Assert.InRange(found.Average(m => m.Even.TrainHits / (double)m.Even.Hits), 0.48, 0.52);
    }

    [Fact]
    public void A_generator_that_replays_its_training_pictures_is_caught_and_an_honest_one_is_not()
    {
        using var scope = NewDisposeScope();
        Tensor train = Cloud(21, 6000, 6), heldOut = Cloud(22, 6000, 6);
        var replay = train[..500].index_select(0, arange(2000).remainder(500)) + 1e-3 * Cloud(23, 2000, 6);
        var caught = Memorization.Of(replay, train, heldOut);
        Assert.True(caught.PNearer < 1e-6 && caught.PTrainWins < 1e-6 && caught.Even.P < 1e-100);
        Assert.Equal((500, 500), (caught.Even.Hits, caught.Even.TrainHits));
        Assert.InRange(caught.Suspicion.Max(), 0, 0.1);
        Assert.True(caught.Nearest.Max() < 500);
        var partly = Memorization.Of(cat([replay[..300], Cloud(31, 1700, 6)]), train, heldOut);   // three in twenty
        Assert.True(partly.Even.P < 1e-6);
        var honest = Memorization.Of(Cloud(24, 2000, 6), train, heldOut);
        Assert.True(honest.PNearer > 0.01 && honest.PTrainWins > 0.01 && honest.Even.P > 0.01);
        var typical = Memorization.Of(0.5 * Cloud(25, 2000, 6), train, heldOut);           // nearer to all that there is, and nothing of it remembered
        Assert.True(typical.PNearer < 1e-6);
        Assert.True(typical.PTrainWins > 0.01 && typical.Even.P > 0.01);
        var few = Memorization.Of(train[..50].repeat(9, 1), train, heldOut[..600]);        // of which the even pool has five
        Assert.Equal((50, 50), (few.All.Hits, few.All.TrainHits));
        Assert.Equal(1, few.All.P / Enumerable.Range(0, 50).Aggregate(1.0, (p, i) => p * (6000.0 - i) / (6600 - i)), 1e-9);
        Assert.True(few.Even.P > few.All.P);
    }

    // Three of eight samples lie by training pictures, in pixels or in features; of the others none does.
    [Fact]
    public void The_sheet_has_the_suspects_first_and_the_nearest_beside_them()
    {
        using var scope = NewDisposeScope();
        static Tensor Flat(params float[] greys) => tensor(greys).view(-1, 1, 1, 1).expand(-1, 1, 2, 2);
        Tensor train = Flat(0, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f), heldOut = Flat(0.85f, 0.6f), samples = Flat(0.87f, 0.31f, 0.62f);
        var inPixels = Memorization.Of(samples.flatten(1), train.flatten(1), heldOut.flatten(1));
        Assert.Equal(0.01 / 0.29, inPixels.Suspicion[1], 1e-3);
        Assert.Equal([5L, 3, 5], inPixels.Nearest);
        Tensor x = tensor(new[] { 3f, 9, 1 }).view(3, 1), t = tensor(new[] { 0f, 1, 2, 3, 4, 5 }).view(6, 1), h = tensor(new[] { 2.9f, 9 }).view(2, 1);   // features, in which the third is the first suspect but one
        var rows = NeighbourRows.Of(samples, train, heldOut, [(samples.flatten(1), train.flatten(1), heldOut.flatten(1), inPixels.Suspicion), (x, t, h, Memorization.Of(x, t, h).Suspicion)]);
        Assert.Equal([3, 14, 1, 2, 2], rows.Pictures.shape);
        Assert.Equal(3, rows.Suspects);
        var seen = rows.Pictures[.., .., 0, 0, 0].data<float>().ToArray();
        Assert.Equal([0.31f, 0.3f, 0.4f, 0.2f, 0.5f, 0.1f, 0.6f], seen[..7]);              // the first in pixels; its own features are 9
        Assert.Equal([0.31f, 0.5f, 0.4f, 0.3f, 0.2f, 0.1f, 0.6f], seen[7..14]);
        Assert.Equal([0.87f, 0.3f], [seen[14], seen[14 + 8]]);                             // the first in features
        Assert.Equal(0.62f, seen[28]);
    }

    // ---- probes

    [Fact]
    public void Probes_read_what_is_there_and_nothing_where_nothing_is()
    {
        using var scope = NewDisposeScope();
        (Tensor, Tensor) Two(int seed, double apart)
        {
            var y = arange(1000).remainder(2);
            return (Cloud(seed, 1000, 4).to_type(ScalarType.Float32) + apart * y.unsqueeze(1) * tensor(new[] { 1f, 0, 0, 0 }), y);
        }
        Assert.Equal(0.9772, Probe.Linear(Two(26, 4), Two(27, 4)), 0.015);                  // Phi(2)
        Assert.Equal(0.5, Probe.Linear(Two(28, 0), Two(29, 0)), 0.06);
        Assert.True(Probe.NearestNeighbours(Two(30, 8), Two(31, 8)) > 0.9);
        Assert.Equal(0.5, Probe.NearestNeighbours(Two(32, 0), Two(33, 0)), 0.06);
    }

    // ---- names, floors and ceilings

    [Theory]
    [InlineData("fid_lenet_10000", "fid", "lenet", 10000)]
    [InlineData("precision_recall_rotnet_500", "precision_recall", "rotnet", 500)]
    [InlineData("swd_2000", "swd", null, 2000)]
    [InlineData("linear_probe", "linear_probe", null, 0)]
    public void A_name_holds_its_protocol(string name, string kind, string? extractor, int count) => Assert.Equal(new SampleMetric(name, kind, extractor, count), SampleMetric.Parse(name));

    [Theory]
    [InlineData("fid")]
    [InlineData("fid_lenet")]
    [InlineData("fid_1000")]
    [InlineData("fid_vgg_1000")]
    [InlineData("swd_lenet_1000")]
    [InlineData("fid_lenet_5")]
    public void Other_names_are_none(string name) => Assert.Null(SampleMetric.Parse(name));

    [Fact]
    public void Data_scores_between_its_floor_and_noise_and_the_line_says_all_it_depends_on()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings());
        using var chance = new Generator(34, CPU);
        Tensor Blurred(int count, Action<double>? _) => (data.Train.InOrder(5000, count, PixelRange.Unit).X + 0.2 * randn([count, 1, 28, 28], generator: chance)).clamp(0, 1);
        var metrics = new SampleMetrics(new object(), data, Extractor.Bundled(), CPU, Blurred);
        foreach (var name in new[] { "fid_lenet_500", "kid_lenet_500", "precision_recall_lenet_500", "density_coverage_lenet_500", "inception_score_lenet_500", "recognition_lenet_500" })
            foreach (var result in metrics.Measure(SampleMetric.Parse(name)!))
            {
                var (best, worst) = result.Better == "lower" ? (-result.Floor!.Value, -result.Ceiling!.Value) : (result.Floor!.Value, result.Ceiling!.Value);
                var own = result.Better == "lower" ? -result.Value : result.Value;
                Assert.True(own < best, result.Metric);
                if (!result.Metric.StartsWith("precision") && !result.Metric.StartsWith("density")) Assert.True(own > worst, result.Metric);   // noise that lies together somewhere can fall into a wide ball
                Assert.Equal("lenet", (string?)result.Provenance!["extractor"]);
                Assert.Equal("bilinear with antialias, 28x28 to 32x32", (string?)result.Provenance["resize"]);
                Assert.Equal("8 bits", (string?)result.Provenance["quantization"]);
                Assert.Equal(500, (int?)result.Provenance["reference_count"]);
                Assert.Equal(16, ((string?)result.Provenance["extractor_sha256"])!.Length);
            }
    }

    [Fact]
    public void A_generator_that_replays_500_training_pictures_is_caught_in_pictures()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings());
        Tensor Replayed(int count, Action<double>? _) => cat([data.Train.InOrder(0, 500, PixelRange.Unit).X, data.Train.InOrder(0, count - 500, PixelRange.Unit).X]);
        var caught = new SampleMetrics(new object(), data, Extractor.Bundled(), CPU, Replayed).Measure(SampleMetric.Parse("memorization_lenet_600")!)[0];
        Assert.True((double?)caught.Provenance!["p_nearer_pixels"] < 1e-10 && (double?)caught.Provenance["p_nearer_features"] < 1e-10);
        Tensor New(int count, Action<double>? _) => data.Test!.InOrder(0, count, PixelRange.Unit).X;
        var honest = new SampleMetrics(new object(), data, Extractor.Bundled(), CPU, New).Measure(SampleMetric.Parse("memorization_lenet_600")!)[0];
        Assert.True(honest.Value > 0.01);
        Assert.True((double?)honest.Provenance!["p_nearer_pixels"] > 0.01);
        foreach (var result in new[] { caught, honest })                                   // four tries
            Assert.Equal(Math.Min(1, 4 * new[] { "hits_pixels", "hits_features", "hits_of_all_pixels", "hits_of_all_features" }.Min(name => (double)result.Provenance![name]!["p"]!)), result.Value);
        Assert.True(caught.Value < 1e-6);
        Assert.InRange(caught.Sheet!.Pictures.shape[0], 12, 16);
        Assert.True(caught.Sheet.Pictures[.., 0].sub(caught.Sheet.Pictures[.., 1])[..12].abs().max().item<float>() < 1e-6);   // each suspect beside the picture that it is
    }

    [Fact]
    public void A_classifier_of_other_classes_recognizes_nothing()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings());
        var other = Extractor.Of(new SmallClassifier(new PictureShape(1, 32, 32), new ClassifierSettings(), 2), "two");
        Tensor New(int count, Action<double>? _) => data.Test!.InOrder(0, count, PixelRange.Unit).X;
        Assert.Contains("has 10 classes, and --features tells 2 apart", Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, other, CPU, New).Measure(SampleMetric.Parse("recognition_lenet_50")!)).Message);
    }

    [Fact]
    public void Truncated_samples_are_judged_as_sample_draws_them()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings { Size = 16 });
        manual_seed(1);
        var gan = new Gan(data.Shape, new GanSettings { LatentDim = 4, Width = 4 });
        gan.eval();
        Tensor Middle(int count, Action<double>? _) => Manifold.Sampling.Latents.Pictures(gan, [.. Enumerable.Range(0, count).Select(seed => (long)seed)], CPU, truncation: 0.5);
        Measurement Fid(SampleMetrics judge) => judge.Measure(SampleMetric.Parse("fid_lenet_60")!)[0];
        Measurement whole = Fid(new SampleMetrics(gan, data, Extractor.Bundled(), CPU)), cut = Fid(new SampleMetrics(gan, data, Extractor.Bundled(), CPU) { Truncation = 0.5 });
        using (no_grad()) Assert.Equal(Fid(new SampleMetrics(new object(), data, Extractor.Bundled(), CPU, Middle)).Value, cut.Value);
        Assert.NotEqual(whole.Value, cut.Value);
        Assert.Equal((null, 0.5), ((double?)whole.Provenance!["truncation"], (double?)cut.Provenance!["truncation"]));
        Assert.Contains("no codes", Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, null, CPU) { Truncation = 0.5 }).Message);
    }

    [Fact]
    public void More_samples_than_data_and_features_that_are_missing_are_said()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings());
        Assert.Contains("Ask for fid_lenet_9000 or fewer", Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, Extractor.Bundled(), CPU).Measure(SampleMetric.Parse("fid_lenet_10000")!)).Message);
        Assert.Contains("./manifold train features", Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, null, CPU).Measure(SampleMetric.Parse("fid_lenet_100")!)).Message);
        Assert.Contains("--features gives lenet", Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, Extractor.Bundled(), CPU).Measure(SampleMetric.Parse("fid_rotnet_100")!)).Message);
        Assert.Contains("1 channel", Assert.Throws<MetricException>(() => Extractor.Bundled().Features(rand(2, 3, 32, 32))).Message);
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["bad.pt"], "no network");
        Assert.Contains("is not a TorchScript file", Assert.Throws<MetricException>(() => Extractor.Script(folder["bad.pt"])).Message);
        Assert.Contains("There is no file", Assert.Throws<MetricException>(() => Extractor.Script(folder["none.pt"])).Message);
    }

    [Fact]
    public void A_TorchScript_file_gets_colours_of_0_to_255_and_is_asked_for_features()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var x = cat([full([1, 3, 2, 2], 0.2f), tensor(new[] { 0f, 0.5f, 1 }).view(1, 3, 1, 1).expand(1, 3, 2, 2)]);
        const string mean = "torch.mean(img, [2, 3])";
        using var plain = Extractor.Script(ScriptTests.Write(folder["plain.pt"], $"return {mean}"));
        using var inception = Extractor.Script(ScriptTests.Write(folder["inception.pt"], $"if return_features:\n      _0 = {mean}\n    else:\n      _0 = torch.softmax({mean}, 1)\n    return _0", "img: Tensor,\n    return_features: bool=False"));
        foreach (var script in new[] { plain, inception })
        {
            Assert.Equal([51, 51, 51, 0, 128, 255], script.Features(x).data<float>().ToArray());               // 127.5 is rounded to even, as a file's bytes would be
            Assert.Equal([2, 3], script.Features(x[.., ..1]).shape);                                           // grey as three colours
            Assert.Equal("as the script does", script.ResizeOf(new PictureShape(3, 2, 2)));
        }
        Assert.NotEqual(plain.Hash, inception.Hash);

        var data = DataSet.Open(new DataSettings());
        Tensor New(int count, Action<double>? _) => data.Test!.InOrder(0, count, PixelRange.Unit).X;
        Assert.InRange(new SampleMetrics(new object(), data, plain, CPU, New).Measure(SampleMetric.Parse("fid_script_200")!)[0].Value, 0, 1e4);
    }

    // The classifier inside the library, on pictures that it has not seen: docs/results says 0.879.
    [Fact]
    public void The_bundled_classifier_is_as_right_as_it_is_said_to_be()
    {
        using var scope = NewDisposeScope();
        var test = DataSet.Open(new DataSettings { Size = 32 }).Test!.InOrder(0, 1000, PixelRange.Unit);
        var right = Extractor.Bundled().Probabilities(test.X).argmax(1).eq(test.Labels!).sum().item<long>();
        Assert.InRange(right, 875, 883);
        Assert.Equal([1000, 64], Extractor.Bundled().Features(test.X).shape);
    }
}
