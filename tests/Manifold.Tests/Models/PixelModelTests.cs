using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Recipes;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Models;

/// <summary>What holds for every model of order: who may see whom, probabilities that sum to one, pictures that follow them.</summary>
public class PixelModelTests
{
    private static LikelihoodSettings Of(Likelihood kind) => new() { Kind = kind, Components = 2 };

    private static PixelModel Make(string model, PictureShape shape, Likelihood kind, int classes = 0, int map = 0)
    {
        manual_seed(1);
        var told = classes > 0;
        PixelModel made = model switch
        {
            "gated" => new GatedPixelCnn(shape, new GatedPixelCnnSettings { Channels = 6, Layers = 3, FirstKernel = 5, Kernel = 3, Likelihood = Of(kind), Conditional = told }, classes, map),
            "gated plain weights" => new GatedPixelCnn(shape, new GatedPixelCnnSettings { Channels = 6, Layers = 3, FirstKernel = 5, Kernel = 3, WeightNorm = false, Likelihood = Of(kind), Conditional = told }, classes, map),
            "pixelcnn" => new PixelCnn(shape, new PixelCnnSettings { Channels = 24, Blocks = 3, FirstKernel = 5, Likelihood = Of(kind), Conditional = told }, classes, map),
            "plus" => new PixelCnnPlus(shape, new PixelCnnPlusSettings { Filters = 5, Blocks = 2, Sizes = Math.Min(3, 1 + (int)Math.Log2(Math.Min(shape.Height, shape.Width))), Likelihood = Of(kind), Conditional = told }, classes, map),
            "plus, one size" => new PixelCnnPlus(shape, new PixelCnnPlusSettings { Filters = 5, Blocks = 3, Sizes = 1, Likelihood = Of(kind), Conditional = told }, classes, map),
            "made" => new Made(shape, new MadeSettings { Hidden = [20, 30], Likelihood = Of(kind), Conditional = told }, classes, map),
            "made, four masks" => new Made(shape, new MadeSettings { Hidden = [20, 30], Masks = 4, Likelihood = Of(kind), Conditional = told }, classes, map),
            "made random" => new Made(shape, new MadeSettings { Hidden = [900], Order = ValueOrder.Random, OrderSeed = 5, Direct = false, Likelihood = Of(kind), Conditional = told }, classes, map),
            _ => throw new ArgumentException(model),
        };
        made.to(ScalarType.Float64).eval();
        using (no_grad()) foreach (var parameter in made.parameters()) parameter.add_(randn_like(parameter) * 0.1);   // no bias is zero, nothing is alike by chance
        return made;
    }

    public static TheoryData<string, Likelihood, int, int, int> Nets
    {
        get
        {
            var nets = new TheoryData<string, Likelihood, int, int, int>();
            foreach (var model in new[] { "plus", "plus, one size" })
            {
                nets.Add(model, Likelihood.Bernoulli, 1, 5, 6);
                nets.Add(model, Likelihood.LogisticMixture, 3, 7, 5);
                nets.Add(model, Likelihood.Categorical, 1, 4, 4);
            }
            foreach (var model in new[] { "gated", "gated plain weights", "pixelcnn", "made", "made random" })
            {
                nets.Add(model, Likelihood.Bernoulli, 1, 5, 6);
                nets.Add(model, Likelihood.Bernoulli, 3, 4, 5);
                nets.Add(model, Likelihood.LogisticMixture, 3, 5, 4);
                nets.Add(model, Likelihood.DiscretizedLogistic, 2, 3, 4);
            }
            nets.Add("gated", Likelihood.Categorical, 3, 3, 3);
            nets.Add("made, four masks", Likelihood.Bernoulli, 2, 3, 4);
            nets.Add("made, four masks", Likelihood.Categorical, 1, 3, 3);
            return nets;
        }
    }

    // Rank of a value in the order; channels that are drawn at once share theirs.
    private static int Rank(PixelModel model, int channel, int row, int column) =>
        model.Order.ToList().FindIndex(place => (place.Channel < 0 || place.Channel == channel) && place.Row == row && place.Column == column);

    // The gradient of what the network says at a place, of every value of the picture: none from the place on, and from every one before it
    // that lies in reach, some. The second half is what a blind spot, or a network that sees nothing, fails.
    [Theory]
    [MemberData(nameof(Nets))]
    public void A_place_sees_all_that_comes_before_it_and_nothing_else(string name, Likelihood kind, int channels, int height, int width)
    {
        var shape = new PictureShape(channels, height, width);
        var model = Make(name, shape, kind);
        var groups = model.Order.Count / (height * width);
        manual_seed(2);
        var pictures = rand([1, channels, height, width], ScalarType.Float64);
        foreach (var (channel, row, column) in model.Order)
        {
            using var scope = NewDisposeScope();
            var x = pictures.clone().requires_grad_(true);
            var at = model.Outputs(x)[0, .., row, column];                                                     // [P]: number p is about channel p mod groups
            var mine = arange(at.shape[0]).remainder(groups).eq(Math.Max(0, channel)).to_type(ScalarType.Float64);
            (at * mine * randn_like(at)).sum().backward();
            var seen = x.grad!.abs()[0];
            for (var c = 0; c < channels; c++)
                for (var i = 0; i < height; i++)
                    for (var j = 0; j < width; j++)
                    {
                        var before = Rank(model, c, i, j) < Rank(model, Math.Max(0, channel), row, column);
                        if (name == "pixelcnn" && InTheBlindSpot(row - i, j - column)) before = false;
                        Assert.True(seen[c, i, j].item<double>() > 0 == before, $"({Math.Max(0, channel)}, {row}, {column}) of {name} {(before ? "does not see" : "sees")} ({c}, {i}, {j})");
                    }
        }
    }

    // While it trains too: no statistics over a picture, which would know the pixels to come. Dropout throws the same coins both times.
    [Theory]
    [InlineData("gated"), InlineData("pixelcnn"), InlineData("plus"), InlineData("made")]
    public void Training_sees_nothing_of_what_comes_either(string name)
    {
        var model = Make(name, new PictureShape(1, 6, 6), Likelihood.Bernoulli);
        model.train();
        var x = rand([4, 1, 6, 6], ScalarType.Float64);
        var changed = x.clone();
        changed[.., .., 4..] = rand([4, 1, 2, 6], ScalarType.Float64);
        Tensor Said(Tensor pictures)
        {
            manual_seed(9);
            return model.Outputs(pictures)[.., .., ..4];
        }
        using var _ = no_grad();
        Assert.Equal(0, (Said(x) - Said(changed)).abs().max().item<double>());
    }

    [Fact]
    public void Nothing_is_dropped_while_it_draws_and_training_goes_on_after_it()
    {
        var model = Make("plus", new PictureShape(1, 4, 4), Likelihood.Bernoulli);
        var u = rand([8, 1, 4, 4], ScalarType.Float64);
        var expected = Ancestral.Draw(model, u);
        model.train();
        Assert.Equal(0, (expected - Ancestral.Draw(model, u)).abs().max().item<double>());
        Assert.Equal(0, (expected - Cached.Draw(model, u)).abs().max().item<double>());
        Assert.True(model.training);
    }

    // Gates and elus are functions of our own with a gradient of their own: neither may keep a tensor.
    [Theory]
    [InlineData("gated-pixelcnn"), InlineData("pixelcnn-pp"), InlineData("pixelcnn"), InlineData("made")]
    public void A_step_leaves_nothing_behind(string recipe)
    {
        var algorithm = RecipeList.Find(recipe).Tiny.Build(new DataFacts("made up", "", 1, 12, 12, 20, 20, 20), CPU).Algorithm;
        var batch = new Batch(bernoulli(full([20, 1, 12, 12], 0.5)));
        long Step()
        {
            using (NewDisposeScope()) algorithm.Step(batch, 0);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return Tensor.TotalCount;
        }
        Step();
        var before = Step();
        for (var i = 0; i < 5; i++) Step();
        Assert.InRange(Step(), 0, before);
    }

    // Of layers of 3 x 3, each goes a column to the right for a row up; the first, of 5 x 5, goes two for one. Beyond that nothing is seen.
    private static bool InTheBlindSpot(int up, int right) => up > 0 && right > up + 1;

    private static Tensor AllBinary(int dims) =>
        stack([.. Enumerable.Range(0, 1 << dims).Select(i => tensor(Enumerable.Range(0, dims).Select(bit => (double)((i >> bit) & 1)).ToArray()))]);

    [Theory]
    [InlineData("gated", 1, 3, 3)]
    [InlineData("gated", 2, 2, 2)]
    [InlineData("gated plain weights", 1, 2, 4)]
    [InlineData("pixelcnn", 2, 2, 2)]
    [InlineData("plus", 1, 3, 3)]
    [InlineData("plus, one size", 1, 2, 4)]
    [InlineData("made", 1, 3, 3)]
    [InlineData("made, four masks", 1, 3, 3)]
    [InlineData("made random", 2, 2, 2)]
    public void The_probabilities_of_all_pictures_sum_to_one(string name, int channels, int height, int width)
    {
        var model = Make(name, new PictureShape(channels, height, width), Likelihood.Bernoulli);
        using var _ = no_grad();
        var all = AllBinary(channels * height * width).view(-1, channels, height, width);
        Assert.Equal(1, model.Likely(new Batch(all)).LogPx.exp().sum().item<double>(), precision: 10);
    }

    // Two rows of one value each: 256 x 256 pictures.
    [Theory]
    [InlineData(Likelihood.Categorical), InlineData(Likelihood.LogisticMixture), InlineData(Likelihood.DiscretizedLogistic)]
    public void The_probabilities_of_all_pairs_of_bytes_sum_to_one(Likelihood kind)
    {
        var model = Make("gated", new PictureShape(1, 2, 1), kind);
        using var _ = no_grad();
        var bytes = arange(256, ScalarType.Float64) / 255;
        var sum = 0.0;
        for (var first = 0; first < 256; first++)
            sum += model.Likely(new Batch(stack([bytes[first].expand(256), bytes], 1).view(256, 1, 2, 1))).LogPx.exp().sum().item<double>();
        Assert.Equal(1, sum, precision: 9);
    }

    // Of coins and categories: the mean of probabilities, not of logits; for a batch and for one pixel.
    [Theory]
    [InlineData(Likelihood.Bernoulli), InlineData(Likelihood.Categorical)]
    public void The_mean_of_several_laws_has_the_mean_of_their_probabilities(Likelihood kind)
    {
        manual_seed(6);
        var shape = new PictureShape(2, 1, 1);
        var law = PixelLikelihood.Create(shape, new LikelihoodSettings { Kind = kind, Levels = 3 });
        var outputs = randn([4, 1, law.Outputs, 1, 1], ScalarType.Float64) * 3;
        foreach (var x in new[] { new double[] { 0, 1 }, [1, 1], [0, 0] })
        {
            // The channels of a pixel are drawn one after the other, so each has a mean of its own.
            double Probability(Tensor numbers, int channel) => Math.Exp(kind == Likelihood.Bernoulli
                ? -nn.functional.softplus((1 - 2 * x[channel]) * numbers[channel]).item<double>()
                : numbers.view(3, 2)[.., channel].log_softmax(0)[(int)(2 * x[channel])].item<double>());
            var expected = Enumerable.Range(0, 2).Sum(channel => Math.Log(Enumerable.Range(0, 4).Average(m => Probability(outputs[m].flatten(), channel))));
            Assert.Equal(expected, law.LogProb(tensor(x).view(1, 2, 1, 1), law.Averaged(outputs)).item<double>(), precision: 10);
        }
        var mean = new double[law.Outputs];
        law.Average(outputs.flatten().data<double>().ToArray(), mean);
        var averaged = law.Averaged(outputs).flatten().data<double>().ToArray();
        Assert.All(mean.Zip(averaged), pair => Assert.Equal(pair.Second, pair.First, precision: 10));
    }

    // Hidden degrees differ from set to set, a step trains one of them, and what is not trained is their mean.
    [Fact]
    public void Several_masks_take_turns()
    {
        var model = (Made)Make("made, four masks", new PictureShape(1, 4, 4), Likelihood.Bernoulli);
        var x = rand([1, 1, 4, 4], ScalarType.Float64);
        using var _ = no_grad();
        model.train();
        manual_seed(3);
        var seen = Enumerable.Range(0, 60).Select(_ => model.Outputs(x).sum().item<double>()).Distinct().ToList();
        Assert.Equal(4, seen.Count);
        model.eval();
        Assert.Equal(model.Outputs(x).sum().item<double>(), model.Outputs(x).sum().item<double>());
        Assert.Contains("model.masks", Assert.Throws<ArgumentOutOfRangeException>(() => new MadeSettings { Masks = 2, Likelihood = Of(Likelihood.LogisticMixture) }.Validated()).Message);
    }

    // Fewer levels: pictures of two colours of five values each, 25 to a pixel; what the law draws are its levels, and both ways of drawing agree.
    [Theory]
    [InlineData(Likelihood.Categorical), InlineData(Likelihood.LogisticMixture), InlineData(Likelihood.DiscretizedLogistic)]
    public void Fewer_levels_sum_to_one_and_are_drawn(Likelihood kind)
    {
        const int levels = 5;
        manual_seed(6);
        var law = PixelLikelihood.Create(new PictureShape(2, 1, 1), new LikelihoodSettings { Kind = kind, Components = 3, Levels = levels });
        law.to(ScalarType.Float64);
        using var _ = no_grad();
        var outputs = randn([1, law.Outputs, 1, 1], ScalarType.Float64);
        var values = arange(levels, ScalarType.Float64) / (levels - 1);
        var all = cartesian_prod([values, values]).view(-1, 2, 1, 1);
        Assert.Equal(1, law.LogProb(all, outputs.expand(levels * levels, -1, -1, -1)).exp().sum().item<double>(), precision: 9);

        var u = rand([200, law.Uniforms, 1, 1], ScalarType.Float64);
        foreach (var temperature in new[] { 1, 0.5 })
        {
            var drawn = law.Draw(outputs.expand(200, -1, -1, -1), u, temperature);
            Assert.Equal(0, (drawn * (levels - 1) - (drawn * (levels - 1)).round()).abs().max().item<double>());
            Assert.True(drawn.unique().output.shape[0] > 2);
            var one = new double[2];
            for (var i = 0; i < 200; i++)
            {
                law.Draw(outputs.data<double>().ToArray(), u[i].flatten().data<double>().ToArray(), one, temperature);
                Assert.Equal(drawn[i].flatten().data<double>().ToArray(), one);
            }
        }
    }

    // Another seed, another order; the same seed, the same.
    [Fact]
    public void A_random_order_is_its_seeds()
    {
        IReadOnlyList<Place> Order(long seed) => new Made(new PictureShape(3, 4, 4), new MadeSettings { Hidden = [4], Order = ValueOrder.Random, OrderSeed = seed }).Order;
        Assert.Equal(Order(1), Order(1));
        Assert.NotEqual(Order(1), Order(2));
        Assert.Equal(48, Order(1).Distinct().Count());
    }

    // Chi-square of 64 pictures (63 degrees of freedom): above 103.4 once in a thousand.
    [Theory]
    [InlineData("gated"), InlineData("pixelcnn"), InlineData("plus"), InlineData("made"), InlineData("made random")]
    public void Drawn_pictures_have_the_probabilities_that_the_model_gives_them(string name)
    {
        const int n = 100_000;
        var model = Make(name, new PictureShape(1, 2, 3), Likelihood.Bernoulli);
        using var _ = no_grad();
        manual_seed(3);
        var p = model.Likely(new Batch(AllBinary(6).view(-1, 1, 2, 3))).LogPx.exp().data<double>().ToArray();
        var drawn = Cached.Draw(model, rand([n, 1, 2, 3], ScalarType.Float64)).flatten(1);
        var counts = new double[64];
        foreach (var number in (drawn * tensor(new double[] { 1, 2, 4, 8, 16, 32 })).sum(1).data<double>().ToArray()) counts[(int)number]++;
        Assert.InRange(counts.Zip(p, (count, chance) => Math.Pow(count - n * chance, 2) / (n * chance)).Sum(), 0, 103.4);
    }

    // In float64 the integers are the same; every layer, every likelihood, colours, odd sizes, more pictures than a vector has lanes, classes,
    // maps, a known part, another temperature; by hand and by libtorch's operations.
    [Theory]
    [InlineData("gated", Likelihood.Bernoulli, 1, 5, 7, 9, 0, 0)]
    [InlineData("gated", Likelihood.Bernoulli, 3, 4, 5, 3, 0, 2)]
    [InlineData("gated", Likelihood.Categorical, 3, 3, 4, 5, 3, 2)]
    [InlineData("gated plain weights", Likelihood.LogisticMixture, 3, 5, 4, 2, 4, 0)]
    [InlineData("gated plain weights", Likelihood.DiscretizedLogistic, 2, 3, 5, 1, 0, 0)]
    [InlineData("pixelcnn", Likelihood.Bernoulli, 1, 9, 4, 5, 3, 2)]
    [InlineData("pixelcnn", Likelihood.Categorical, 3, 3, 4, 5, 0, 0)]
    [InlineData("plus", Likelihood.Bernoulli, 1, 8, 8, 9, 0, 0)]
    [InlineData("plus", Likelihood.LogisticMixture, 3, 7, 9, 3, 4, 3)]
    [InlineData("plus", Likelihood.LogisticMixture, 1, 9, 6, 5, 0, 0)]
    [InlineData("plus, one size", Likelihood.LogisticMixture, 3, 4, 5, 2, 2, 1)]
    [InlineData("made", Likelihood.Bernoulli, 1, 5, 7, 9, 3, 2)]
    [InlineData("made random", Likelihood.Categorical, 3, 2, 3, 4, 0, 0)]
    [InlineData("made, four masks", Likelihood.Bernoulli, 2, 3, 5, 9, 3, 2)]
    [InlineData("made, four masks", Likelihood.Categorical, 3, 2, 3, 2, 0, 0)]
    public void The_cached_samplers_draw_what_the_slow_one_does(string name, Likelihood kind, int channels, int height, int width, int count, int classes, int mapChannels)
    {
        var model = Make(name, new PictureShape(channels, height, width), kind, classes, mapChannels);
        manual_seed(7);
        var u = rand([count, model.Likelihood.Uniforms, height, width], ScalarType.Float64);
        var whole = new Drawing
        {
            Condition = classes == 0 ? null : Condition.OneHot(arange(count).remainder(classes), classes, ScalarType.Float64),
            Map = mapChannels == 0 ? null : randn([count, mapChannels, height, width], ScalarType.Float64),
        };
        var rest = whole with { Known = (rand([count, channels, height, width], ScalarType.Float64) * 255).round() / 255, Keep = rand(height, width).gt(0.5), Temperature = 0.7 };
        foreach (var how in new[] { whole, rest })
        {
            var slow = Ancestral.Draw(model, u, how);
            Assert.Equal(0, (slow - Cached.Draw(model, u, how)).abs().max().item<double>());
            Assert.Equal(0, (slow - Cached.ByHand<WideLanes<double>, double>(model, u, how)).abs().max().item<double>());   // in software where the processor has none
            if (model is ICausalNet net) Assert.Equal(0, (slow - TorchSampler.Draw(net, u, how)).abs().max().item<double>());
        }
    }

    // The numbers behind the draws, not only the draws: with u against which a logit is compared set so close that an error of 1e-12 (1e-5 in
    // float32) would turn a coin.
    [Theory]
    [InlineData("gated", ScalarType.Float64, 1e-12), InlineData("gated", ScalarType.Float32, 1e-5)]
    [InlineData("pixelcnn", ScalarType.Float64, 1e-12), InlineData("pixelcnn", ScalarType.Float32, 1e-5)]
    [InlineData("plus", ScalarType.Float64, 1e-12), InlineData("plus", ScalarType.Float32, 1e-5)]
    [InlineData("made", ScalarType.Float64, 1e-12), InlineData("made", ScalarType.Float32, 1e-5)]
    public void The_cached_samplers_logits_are_the_networks(string name, ScalarType type, double tolerance)
    {
        var model = (PixelModel)Make(name, new PictureShape(1, 7, 9), Likelihood.Bernoulli).to(type);
        manual_seed(8);
        var x = bernoulli(full([20, 1, 7, 9], 0.5)).to_type(type);
        using var _ = no_grad();
        var p = model.Outputs(x).sigmoid();
        // u just below p where x is 1, just above where it is 0: only a sampler with the same p draws x again.
        var u = p + (1 - 2 * x) * tolerance;
        Assert.Equal(0, (Cached.Draw(model, u) - x).abs().max().to_type(ScalarType.Float64).item<double>());
        if (model is ICausalNet net) Assert.Equal(0, (TorchSampler.Draw(net, u) - x).abs().max().to_type(ScalarType.Float64).item<double>());
    }

    [Fact]
    public void A_known_part_stays_and_a_seed_means_one_picture()
    {
        var model = Make("gated", new PictureShape(3, 4, 4), Likelihood.Categorical).to(ScalarType.Float32) as PixelModel;
        var known = rand(2, 3, 4, 4);
        var keep = zeros(4, 4);
        keep[..2] = 1;
        var drawn = Ancestral.Draw(model!, Ancestral.Uniforms(model!, [5, 6]), new() { Known = known, Keep = keep });
        Assert.Equal(0, (drawn[.., .., ..2] - known[.., .., ..2]).abs().max().item<float>());
        Assert.True((drawn[.., .., 2..] - known[.., .., 2..]).abs().mean().item<float>() > 0.01);
        var alone = Ancestral.Draw(model!, Ancestral.Uniforms(model!, [6]), new() { Known = known[1..], Keep = keep });
        Assert.Equal(0, (drawn[1..] - alone).abs().max().item<float>());
    }

    [Theory]
    [InlineData("gated"), InlineData("pixelcnn"), InlineData("plus"), InlineData("made random")]
    public void A_class_changes_what_is_said_of_every_pixel_but_not_who_sees_whom(string name)
    {
        var model = Make(name, new PictureShape(1, 3, 3), Likelihood.Bernoulli, classes: 3);
        var x = rand([1, 1, 3, 3], ScalarType.Float64);
        Tensor Said(long label) => model.Outputs(x, Condition.OneHot(tensor(new[] { label }), 3, ScalarType.Float64));
        Assert.True((Said(0) - Said(2)).abs().min().item<double>() > 1e-6);
        var all = AllBinary(9).view(-1, 1, 3, 3);
        Assert.Equal(1, model.Likely(new Batch(all) { Labels = full([512], 1, ScalarType.Int64) }).LogPx.exp().sum().item<double>(), precision: 10);
        Assert.StartsWith("condition is missing; the model needs one of 3 classes", Assert.Throws<ArgumentException>(() => model.Outputs(x)).Message);
    }

    [Fact]
    public void Surprise_is_the_likelihood_pixel_by_pixel()
    {
        var model = Make("gated", new PictureShape(3, 3, 4), Likelihood.LogisticMixture);
        var x = (rand([2, 3, 3, 4], ScalarType.Float64) * 255).round() / 255;
        var surprise = model.Surprise(new Batch(x));
        Assert.Equal([2, 3, 4], surprise.shape);
        Assert.True((surprise.sum([1, 2]) - -model.Likelihood.LogProb(x, model.Outputs(x))).abs().max().item<double>() < 1e-10);
    }

    // A single outgoing weight that is masked away has no share in the length that weight norm divides by.
    [Fact]
    public void Weight_norm_is_of_the_masked_weight()
    {
        manual_seed(4);
        var conv = new MaskedConv2d(Mask.A, [0], [0, 0], 3, 3, weightNorm: true);
        var before = conv.Effective().clone();
        using (no_grad()) conv.get_parameter("weight")!.index_put_(100f, TensorIndex.Colon, TensorIndex.Colon, TensorIndex.Single(1), TensorIndex.Slice(1));
        Assert.True((conv.Effective() - before).abs().max().item<float>() == 0);
        using (no_grad()) conv.get_parameter("weight")!.mul_(3);
        Assert.True((conv.Effective() - before).abs().max().item<float>() < 1e-6);                              // the length is the gain's, not the weight's
    }

    // Every convolution's outputs have mean 0 over the first batch, and the deviation that it is to start with: 1, or 0.1 before a gate.
    [Fact]
    public void PixelCnn_plus_starts_from_the_first_batch()
    {
        manual_seed(5);
        var model = new PixelCnnPlus(new PictureShape(3, 12, 10), new PixelCnnPlusSettings { Filters = 6, Blocks = 1, Sizes = 2, Dropout = 0 });
        model.train();
        var seen = new List<(double Mean, double Deviation)>();
        var batch = new Batch(rand(40, 3, 12, 10));
        model.StartFrom(batch);
        foreach (var layer in model.modules().OfType<ShiftedConv2d>())
            layer.register_forward_hook((_, _, y) =>
            {
                seen.Add((y.mean([0, 2, 3]).abs().max().item<float>(), y.std([0, 2, 3], unbiased: false).mean().item<float>()));
                return y;
            });
        using (no_grad()) model.Outputs(batch.X);
        Assert.Equal(model.modules().OfType<ShiftedConv2d>().Count(), seen.Count);
        Assert.All(seen, layer => Assert.InRange(layer.Mean, 0, 1e-4));
        Assert.All(seen, layer => Assert.Contains([0.1, 1], start => Math.Abs(layer.Deviation - start) < 0.01 * start));
    }

    public static TheoryData<string, int, int, int> Dull => new()
    {
        { "black", 1, 40, 16 }, { "white", 1, 40, 16 }, { "black", 3, 40, 16 }, { "one green channel", 3, 40, 16 }, { "noise", 1, 1, 16 }, { "black", 1, 1, 1 }, { "noise", 1, 1, 1 },
    };

    // Black pictures vary at their borders only. That is no measure of what later pictures bring: one of noise must not cost many times what chance would.
    [Theory]
    [MemberData(nameof(Dull))]
    public void PixelCnn_plus_starts_from_a_batch_that_says_little(string of, int channels, int count, int size)
    {
        manual_seed(5);
        var model = new PixelCnnPlus(new PictureShape(channels, size, size), new PixelCnnPlusSettings { Filters = 8, Blocks = 1, Sizes = size == 1 ? 1 : 3, Dropout = 0 });
        var x = of == "white" ? ones(count, channels, size, size) : of == "noise" ? rand(count, channels, size, size) : zeros(count, channels, size, size);
        if (of == "one green channel") x.narrow(1, 1, 1).copy_(rand(count, 1, size, size));
        model.StartFrom(new Batch((x * 255).round() / 255));
        using var _ = no_grad();
        Assert.InRange(model.named_parameters().Where(p => p.name.EndsWith("gain")).Max(p => p.parameter.abs().max().item<float>()), 0, 100);
        var noise = model.Likely(new Batch(randint(0, 256, [8, channels, size, size]).to_type(ScalarType.Float32) / 255)).Nll / (channels * size * size * Math.Log(2));
        Assert.InRange(noise.mean().item<float>(), 6, 1000);                                                    // bits of a value; chance has 8
    }

    // A constant is the easiest distribution there is.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void PixelCnn_plus_learns_pictures_that_are_all_one_value(float value)
    {
        manual_seed(5);
        var model = new PixelCnnPlus(new PictureShape(1, 8, 8), new PixelCnnPlusSettings { Filters = 6, Blocks = 1, Sizes = 2, Dropout = 0, Likelihood = Of(Likelihood.LogisticMixture) });
        var batch = new Batch(full([8, 1, 8, 8], value));
        model.StartFrom(batch);
        var algorithm = new Manifold.Training.Algorithms.LikelihoodAlgorithm(model, model.Likely, (terms, _) => terms.Nll.mean(), new OptimizerSettings { LearningRate = 0.01 }, new(), 8);
        for (var step = 0; step < 60; step++)
        {
            using var scope = NewDisposeScope();
            algorithm.Step(batch, step);
        }
        using var _ = no_grad();
        Assert.InRange(model.Likely(batch).Nll.mean().item<float>() / 64, 0, 0.05);                             // nats of a pixel, where it began with 0.7 or more
    }

    [Fact]
    public void A_density_and_odd_widths_are_refused_by_name()
    {
        Assert.StartsWith("model.likelihood.kind is gaussian; a model of order gives probabilities", Assert.Throws<ArgumentException>(() => new GatedPixelCnn(new PictureShape(1, 3, 3), new() { Likelihood = Of(Likelihood.Gaussian) })).Message);
        Assert.Contains("a multiple of 3", Assert.Throws<ArgumentOutOfRangeException>(() => new GatedPixelCnn(new PictureShape(3, 3, 3), new() { Channels = 16 })).Message);
        Assert.Contains("draws the 3 channels of a pixel one after the other", Assert.Throws<ArgumentException>(() => new PixelCnnPlus(new PictureShape(3, 8, 8), new() { Likelihood = Of(Likelihood.Categorical) })).Message);
        Assert.Contains("model.sizes", Assert.Throws<ArgumentOutOfRangeException>(() => new PixelCnnPlus(new PictureShape(1, 3, 3), new() { Sizes = 3 })).Message);
        Assert.Contains("odd sizes", Assert.Throws<ArgumentOutOfRangeException>(() => new GatedPixelCnn(new PictureShape(1, 3, 3), new() { Kernel = 4 })).Message);
    }
}
