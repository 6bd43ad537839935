using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

/// <summary>Metrics at the ends of their range: many examples, few of them, and features far from the origin.</summary>
public class MetricLimitsTests
{
    private static Tensor Cloud(int seed, int count, int dims, double shift = 0, ScalarType type = ScalarType.Float32)
    {
        using var scope = NewDisposeScope();
        using var chance = new Generator((ulong)seed, CPU);
        return (randn([count, dims], ScalarType.Float64, generator: chance) + shift).to_type(type).MoveToOuterDisposeScope();
    }

    // ---- memory

    private const long MB = 1 << 20;

    // Beside what is handed in; each was several times that before it was taken block by block.
    [Fact]
    public void Parzen_windows_hold_no_more_than_a_block_of_distances()
    {
        using var scope = NewDisposeScope();
        Tensor samples = Cloud(1, 20_000, 2), points = Cloud(2, 3000, 2);
        Parzen.LogDensity(samples[..100], points[..100], 0.3);
        var peak = new PeakMemory();
        Parzen.LogDensity(samples, points, 0.3);
        Assert.InRange(peak.Growth, 0, 128 * MB);                                          // 480 MB of distances in float64, and more than twice as much in all
    }

    [Fact]
    public void Neighbours_hold_no_more_than_a_block_of_distances()
    {
        using var scope = NewDisposeScope();
        Tensor few = Cloud(3, 600, 8), many = Cloud(4, 100_000, 8);
        Neighbours.Nearest(few[..10], many[..100]);
        var peak = new PeakMemory();
        Neighbours.Nearest(few, many);
        Neighbours.Nearest(few, many, 5);
        Assert.InRange(peak.Growth, 0, 128 * MB);                                          // 500 rows of all of them are 200 MB in float32 alone
    }

    [Fact]
    public void Sliced_distances_hold_a_few_directions_at_a_time()
    {
        using var scope = NewDisposeScope();
        Tensor a = rand(600, 1, 16, 16), b = rand(600, 1, 16, 16);
        SlicedWasserstein.Of(a[..20], b[..20]);
        var peak = new PeakMemory();
        SlicedWasserstein.Of(a, b);
        Assert.InRange(peak.Growth, 0, 450 * MB);                                          // 1.6 MB a picture are 960
    }

    [Fact]
    public void Moments_and_pyramids_leave_no_tensor_behind()
    {
        using var scope = NewDisposeScope();
        Tensor x = Cloud(5, 300, 4), y = Cloud(6, 300, 4), a = rand(20, 1, 16, 16), points = Cloud(7, 300, 2).view(-1, 2, 1, 1), p = x.softmax(1), labels = arange(300);
        Action twoSample = () => TwoSample.Of(points, points, epochs: 1);
        Action[] metrics =
        [
            () => Frechet.Distance(x, y), () => Frechet.AtInfinity(x, y), () => KernelDistance.Of(x, y, 4, 50), () => Neighbours.PrecisionRecall(x, y),
            () => Neighbours.DensityCoverage(x, y), () => SlicedWasserstein.Of(a, a), () => InceptionScore.Of(p), () => Parzen.Best(x, y),
            () => ModeReport.Of(Toy.Ring, points), () => Memorization.Of(x, y, x), () => Probe.NearestNeighbours((x, labels), (y, labels)),
            twoSample, () => Checkerboard.Of(a),
        ];
        var left = new List<string>();
        foreach (var (number, metric) in metrics.Index())
        {
            metric();
            var before = Tensor.TotalCount;
            metric();
            var counted = metric.Method == twoSample.Method ? 6 : 0;                       // one for each parameter of its network, disposed or not
            if (Tensor.TotalCount - before != counted) left.Add($"metric {number} leaves {Tensor.TotalCount - before} tensors");
        }
        Assert.Empty(left);
    }

    // ---- far from the origin: a mean of 300 and a deviation of 1, as features after a ReLU may have

    private static double[,] Squares(Tensor a, Tensor b)
    {
        double[] x = a.to_type(ScalarType.Float64).data<double>().ToArray(), y = b.to_type(ScalarType.Float64).data<double>().ToArray();
        var (n, m, d) = ((int)a.shape[0], (int)b.shape[0], (int)a.shape[1]);
        var squares = new double[n, m];
        for (var i = 0; i < n; i++)
            for (var j = 0; j < m; j++)
                for (var k = 0; k < d; k++) squares[i, j] += (x[i * d + k] - y[j * d + k]) * (x[i * d + k] - y[j * d + k]);
        return squares;
    }

    private static double[] Row(double[,] all, int row) => [.. Enumerable.Range(0, all.GetLength(1)).Select(j => all[row, j])];

    // By definition, one difference after the other in float64.
    private static (double Precision, double Recall, double Density, double Coverage) Slowly(Tensor real, Tensor fake, int k)
    {
        double[,] within = Squares(real, real), ofFakes = Squares(fake, fake), across = Squares(fake, real);
        double[] radius = [.. Enumerable.Range(0, (int)real.shape[0]).Select(i => Row(within, i).Order().ElementAt(k))];
        double[] fakeRadius = [.. Enumerable.Range(0, (int)fake.shape[0]).Select(i => Row(ofFakes, i).Order().ElementAt(k))];
        int[] fakes = [.. Enumerable.Range(0, fakeRadius.Length)], reals = [.. Enumerable.Range(0, radius.Length)];
        return (fakes.Count(i => reals.Any(j => across[i, j] <= radius[j])) / (double)fakes.Length, reals.Count(j => fakes.Any(i => across[i, j] <= fakeRadius[i])) / (double)reals.Length,
            fakes.Sum(i => reals.Count(j => across[i, j] <= radius[j])) / (double)(k * fakes.Length), reals.Count(j => fakes.Any(i => across[i, j] <= radius[j])) / (double)reals.Length);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(3000)]
    public void Balls_far_from_the_origin_are_those_of_slow_sums(double mean)
    {
        using var scope = NewDisposeScope();
        Tensor real = Cloud(10, 700, 64, mean), fake = 1.05 * (Cloud(11, 600, 64, mean) - mean) + mean;   // of two blocks of rows
        var slow = Slowly(real, fake, 3);
        Assert.InRange(slow.Precision, 0.02, 0.98);
        Assert.Equal((slow.Precision, slow.Recall), Neighbours.PrecisionRecall(real, fake, 3));
        Assert.Equal(slow.Density, Neighbours.DensityCoverage(real, fake, 3).Density, 1e-12);
        Assert.Equal(slow.Coverage, Neighbours.DensityCoverage(real, fake, 3).Coverage);
        var (squared, which) = Neighbours.Nearest(fake, real);
        var across = Squares(fake, real);
        for (var i = 0; i < 600; i++)
        {
            Assert.Equal(Row(across, i).Min(), squared[i].item<double>(), 1e-6);
            Assert.Equal(Row(across, i).Min(), across[i, which[i].item<long>()], 1e-6);
        }
    }

    [Fact]
    public void Everything_that_measures_distances_gives_the_same_wherever_the_features_lie()
    {
        using var scope = NewDisposeScope();
        Tensor x = Cloud(12, 400, 16, type: ScalarType.Float64), y = 1.2 * Cloud(13, 400, 16, type: ScalarType.Float64), z = Cloud(14, 300, 16, type: ScalarType.Float64);
        Tensor Far(Tensor near) => near + 300;                                             // in float64, so that nothing is lost before the metric has it
        Assert.Equal(Frechet.Distance(x, y), Frechet.Distance(Far(x), Far(y)), 1e-8);
        Assert.Equal(Parzen.LogDensity(x, y, 0.5).mean().item<double>(), Parzen.LogDensity(Far(x), Far(y), 0.5).mean().item<double>(), 1e-7);
        Memorization near = Memorization.Of(x, y, z), far = Memorization.Of(Far(x), Far(y), Far(z));
        Assert.Equal((near.Even, near.All, near.TrainWins, near.Nearer), (far.Even, far.All, far.TrainWins, far.Nearer));
        Assert.Equal(near.Nearest, far.Nearest);
    }

    // A copy lies at no distance at all, and so within a ball of no width.
    [Fact]
    public void Copies_lie_in_balls_of_no_width()
    {
        using var scope = NewDisposeScope();
        var real = Cloud(15, 5, 64, 300).repeat(4, 1);                                     // each four times: the third neighbour is a copy
        Assert.Equal((1, 1), Neighbours.PrecisionRecall(real, real.flip(0)));
        Assert.Equal(0, Neighbours.PrecisionRecall(real, real + 0.01).Precision);
        Assert.All(Neighbours.Nearest(real, real.flip(0)).Squared.data<double>().ToArray(), squared => Assert.Equal(0, squared));
    }

    // Cosines of features at 300 differ in the sixth digit and beyond.
    [Fact]
    public void Nearest_neighbours_by_cosine_are_told_far_from_the_origin()
    {
        using var scope = NewDisposeScope();
        (Tensor, Tensor) Two(int seed, int count)
        {
            var y = arange(count).remainder(2);
            return (Cloud(seed, count, 4) * 0.05 + 3000 + y.unsqueeze(1) * tensor(new[] { 1f, 0, 0, 0 }), y);
        }
        Assert.Equal(1, Probe.NearestNeighbours(Two(16, 200), Two(17, 100)), 0.011);
        Assert.InRange(Probe.NearestNeighbours(Two(16, 3), Two(17, 100)), 0, 1);           // fewer than five
    }

    // ---- the sliced distance, as its code has it: all patches at once

    [Fact]
    public void The_sliced_distance_is_that_of_all_patches_at_once()
    {
        using var scope = NewDisposeScope();
        using var chance = new Generator((ulong)Seeds.At(0, 0, "swd"), CPU);
        Tensor a = rand(230, 3, 16, 16), b = rand(230, 3, 16, 16) * 0.5;                   // three batches
        Tensor Patches(Tensor x)
        {
            Tensor row = randint(0, 10, [230, 128, 1, 1], generator: chance), column = randint(0, 10, [230, 128, 1, 1], generator: chance);
            var every = (x * 255).unfold(2, 7, 1).unfold(3, 7, 1).permute(0, 2, 3, 4, 5, 1);                      // [N, 10, 10, 7, 7, C]
            var chosen = cat([.. Enumerable.Range(0, 230).Select(i => every[i].index([row[i].flatten(), column[i].flatten()]))]).flatten(1, 2);   // [N * 128, 49, C]
            return ((chosen - chosen.mean([0, 1], keepdim: true)) / chosen.std([0, 1], unbiased: false, keepdim: true)).flatten(1);
        }
        Tensor x = Patches(a), y = Patches(b);
        var sum = 0.0;
        for (var i = 0; i < 4; i++)
        {
            var along = nn.functional.normalize(randn([128, 147], generator: chance), dim: 1).t();
            sum += (x.mm(along).sort(0).Values - y.mm(along).sort(0).Values).abs().mean().item<float>();
        }
        Assert.Equal(250 * sum, Assert.Single(SlicedWasserstein.Of(a, b)), 250 * sum * 1e-4);
    }

    // ---- one subset has no deviation

    [Fact]
    public void Kernel_distances_say_their_subsets_and_a_deviation_where_there_are_several()
    {
        using var scope = NewDisposeScope();
        var one = KernelDistance.Of(Cloud(18, 50, 4), Cloud(19, 50, 4));
        Assert.Equal((null, 1, 50), (one.Deviation, one.Subsets, one.Size));
        var many = KernelDistance.Of(Cloud(18, 100, 4), Cloud(19, 120, 4), subsets: 10, size: 50);
        Assert.Equal((10, 50), (many.Subsets, many.Size));
        Assert.True(many.Deviation > 0);
        var overlapping = KernelDistance.Of(Cloud(18, 99, 4), Cloud(19, 120, 4), subsets: 10, size: 50);       // any two share a row
        Assert.Equal((null, 10), (overlapping.Deviation, overlapping.Subsets));
    }

    // ---- few examples

    [Fact]
    public void What_a_message_says_to_ask_for_can_be_asked_for_and_is_the_largest()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 30; i++)
            File.WriteAllBytes(folder[$"{i:D2}.png"], Manifold.Pictures.Grid.Of(rand(1, 1, 16, 16), 1, gap: 0).ToPng());
        var data = DataSet.Open(new DataSettings { Set = folder.Path });
        Tensor Fakes(int count, Action<double>? _) => rand(count, 1, data.Shape.Height, data.Shape.Width);
        foreach (var (kind, extractor) in new[] { ("swd", null), ("c2st", null), ("parzen", null), ("fid_lenet", "lenet"), ("kid_lenet", "lenet"), ("precision_recall_lenet", "lenet"), ("density_coverage_lenet", "lenet") })
        {
            var metrics = new SampleMetrics(new object(), data, extractor is null ? null : Extractor.Bundled(), CPU, Fakes);
            var advice = Assert.Throws<MetricException>(() => metrics.Measure(SampleMetric.Parse($"{kind}_1000")!)).Message;
            Assert.Contains($"Ask for {kind}_{data.Train.Count} or fewer", advice);
            Assert.NotEmpty(metrics.Measure(SampleMetric.Parse($"{kind}_{data.Train.Count}")!));
            Assert.Throws<MetricException>(() => metrics.Measure(SampleMetric.Parse($"{kind}_{data.Train.Count + 1}")!));
        }
        Assert.Equal($"swd_{data.Train.Count}", SampleScore.Suggested(data));
    }

    [Fact]
    public void A_set_that_is_too_small_for_any_metric_is_said_to_be()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 10; i++)                                                    // nine to train on
            using (NewDisposeScope()) File.WriteAllBytes(folder[$"{i:D2}.png"], Manifold.Pictures.Grid.Of(rand(1, 1, 16, 16), 1, gap: 0).ToPng());
        var data = DataSet.Open(new DataSettings { Set = folder.Path });
        var error = Assert.Throws<MetricException>(() => new SampleMetrics(new object(), data, null, CPU).Measure(SampleMetric.Parse("swd_100")!)).Message;
        Assert.Contains("too small for any", error);
        Assert.DoesNotContain("Ask for", error);
    }

    // ---- p-values

    // A classifier that answers "first" with this chance whatever it is shown: the sets are of one law for it.
    [Theory]
    [InlineData(0.5)]
    [InlineData(0.1)]
    [InlineData(0.97)]
    public void A_two_sample_test_of_one_law_is_right_as_often_as_its_p_says(double chance)
    {
        var random = new Random(1);
        int Answers() => Enumerable.Range(0, 500).Count(_ => random.NextDouble() < chance);
        var p = Enumerable.Range(0, 4000).Select(_ => new TwoSampleTest(1000, Answers(), Answers()).P).ToList();
        Assert.InRange(p.Count(value => value <= 0.05) / 4000.0, 0.025, 0.06);             // exact, and a count has steps: somewhat below
        Assert.InRange(p.Count(value => value <= 0.2) / 4000.0, 0.13, 0.22);
    }

    // The set may have labels elsewhere.
    [Theory]
    [InlineData("test", "--split validation"), InlineData("validation", "--split train")]
    public void Accuracy_on_a_split_without_labels_names_the_split_and_the_way_out(string name, string wayOut)
    {
        var split = new Split(name, new MemorySource("made", new PictureShape(1, 8, 8), new byte[640], null), [.. Enumerable.Range(0, 10)], new DataSettings());
        double Measured(ClassifierSettings settings) =>
            ClassifierMetrics.Measure("accuracy", new SmallClassifier(split.Shape, settings, 3), split, torch.CPU).Value;
        var message = Assert.Throws<MetricException>(() => Measured(new ClassifierSettings())).Message;
        Assert.Contains($"The {name} split has no labels, and accuracy needs them.", message);
        Assert.Contains(wayOut, message);
        Assert.InRange(Measured(new ClassifierSettings { Task = ClassifierTask.Rotations }), 0, 1);
    }

    [Fact]
    public void A_two_sample_test_has_the_accuracy_and_its_error_of_the_answers()
    {
        var test = new TwoSampleTest(1000, 300, 100);
        Assert.Equal(0.7, test.Accuracy, 1e-12);                                           // 300 of 500 and 400 of 500
        Assert.Equal(0.5 * Math.Sqrt((0.6 * 0.4 + 0.2 * 0.8) / 500), test.StandardError, 1e-12);
        Assert.Equal(RankTest.MarkedAtLeast(300, 400, 500, 1000), test.P);
        Assert.Equal(1, new TwoSampleTest(1000, 500, 500).P);                              // one answer for all tells nothing
    }
}
