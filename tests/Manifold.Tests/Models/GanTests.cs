using Manifold.Data;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Tests.Models;

public class GanTests
{
    private static readonly PictureShape small = new(1, 16, 16), point = new(2, 1, 1);
    private static GanSettings Tiny => new() { LatentDim = 5, Width = 4 };
    private static Gan Make(GanSettings? settings = null, int classes = 0, PictureShape? shape = null)
    {
        manual_seed(3);
        return new Gan(shape ?? small, settings ?? Tiny, classes);
    }

    [Theory]
    [InlineData(16, 1, 2)]
    [InlineData(32, 3, 3)]
    [InlineData(64, 1, 4)]
    [InlineData(128, 3, 5)]
    public void Pictures_of_any_power_of_two_and_any_channels(int size, int channels, int doublings)
    {
        using var scope = NewDisposeScope();
        var gan = Make(shape: new PictureShape(channels, size, size));
        var x = gan.Decode(randn(3, 5));
        Assert.Equal([3, channels, size, size], x.shape);
        Assert.InRange(x.min().item<float>(), 0, 1);
        Assert.InRange(x.max().item<float>(), 0, 1);
        Assert.Equal([3], gan.Discriminator.call(x, null).Score.shape);
        Assert.Equal(doublings, gan.Generator.named_modules().Count(m => m.module is ConvTranspose2d));
        Assert.Equal(doublings, gan.Discriminator.named_modules().Count(m => m.module is Conv2d));
    }

    // The paper's networks: 100 codes, 1024 maps of 4 x 4, down to 128 and three colours at 64 pixels. Counted by hand, with its 5 x 5 kernels.
    [Fact]
    public void Parameters_of_the_papers_networks()
    {
        using var scope = NewDisposeScope();
        var gan = Make(new GanSettings { Width = 128, Upsampling = Upsampling.TransposedUneven }, shape: new PictureShape(3, 64, 64));
        long k = 25, norms = 2 * (1024 + 512 + 256 + 128);
        Assert.Equal(100 * 16384 + k * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 3 + norms, gan.Generator.parameters().Sum(p => p.numel()));
        Assert.Equal(k * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 128 + 2 * (256 + 512 + 1024) + 16384 + 1, gan.Discriminator.parameters().Sum(p => p.numel()));
    }

    // Radford et al. 2015, section 3.
    [Fact]
    public void The_rules_of_the_architecture_hold()
    {
        using var scope = NewDisposeScope();
        var gan = Make(new GanSettings { Width = 16 }, shape: new PictureShape(3, 64, 64));
        var (g, d) = (gan.Generator.named_modules().ToList(), gan.Discriminator.named_modules().ToList());
        Assert.DoesNotContain(g.Concat(d), m => m.module.GetName().Contains("Pool"));
        Assert.Equal(4, g.Count(m => m.module is BatchNorm2d));                            // before every doubling, and so not on the output
        Assert.Equal(3, d.Count(m => m.module is BatchNorm2d));                            // after every convolution but the first
        Assert.DoesNotContain(d, m => m.name == "norms.0" && m.module is BatchNorm2d);
        Assert.All(d.Where(m => m.module is Conv2d), m => Assert.Equal(m.name == "convs.0", ((Conv2d)m.module).bias is not null));
        foreach (var (_, module) in g.Concat(d))
        {
            if (module is BatchNorm2d norm)
            {
                Assert.Equal(1, norm.weight!.mean().item<float>(), 0.02);
                Assert.InRange(norm.weight!.std().item<float>(), 0.008, 0.04);
                Assert.Equal(0, norm.bias!.abs().max().item<float>());
            }
            else if (module is ConvTranspose2d or Conv2d && module.get_parameter("weight") is { } weight)
            {
                Assert.Equal(0.02, weight.std().item<float>(), 0.004);
                Assert.Equal(0, weight.mean().item<float>(), 0.004);
            }
        }
        Assert.All(gan.Discriminator.Layers(randn(2, 3, 64, 64)), map => Assert.True(map.min().item<float>() < 0));   // leaky: nothing is cut to 0
    }

    [Fact]
    public void In_evaluation_a_picture_is_of_its_own_code_alone_and_in_training_of_the_batch()
    {
        using var scope = NewDisposeScope();
        var gan = Make();
        var z = randn(4, 5);
        var other = z.clone();
        other[3] = randn(5);
        gan.eval();
        Assert.True(gan.Decode(z)[..3].allclose(gan.Decode(other)[..3], 0, 1e-6));
        gan.train();
        Assert.False(gan.Decode(z)[..3].allclose(gan.Decode(other)[..3], 0, 1e-6));
    }

    [Theory]
    [InlineData(Norm.Layer)]
    [InlineData(Norm.None)]
    [InlineData(Norm.Spectral)]
    public void Without_a_batch_norm_a_score_is_of_one_example_alone(Norm norm)
    {
        using var scope = NewDisposeScope();
        var d = Make(Tiny with { DiscriminatorNorm = norm }).Discriminator;
        d.train();
        if (norm == Norm.Spectral) using (no_grad()) for (var i = 0; i < 300; i++) d.call(randn(2, 1, 16, 16), null);   // until its directions rest
        var x = randn(4, 1, 16, 16);
        var other = x.clone();
        other[3] = randn(1, 16, 16);
        Assert.True(d.call(x, null).Score[..3].allclose(d.call(other, null).Score[..3], 1e-4, 1e-5));
    }

    [Theory]
    [InlineData(GanNetwork.Dcgan, Conditioning.Concat)]
    [InlineData(GanNetwork.Dcgan, Conditioning.Projection)]
    [InlineData(GanNetwork.Dcgan, Conditioning.Classifier)]
    [InlineData(GanNetwork.Mlp, Conditioning.Concat)]
    [InlineData(GanNetwork.Mlp, Conditioning.Classifier)]
    public void The_class_reaches_both_networks(GanNetwork network, Conditioning conditioning)
    {
        using var scope = NewDisposeScope();
        var gan = Make(Tiny with { Network = network, Conditioning = conditioning, Hidden = [8] }, classes: 3);
        gan.eval();
        using (no_grad()) foreach (var (name, parameter) in gan.Generator.named_parameters()) if (name.StartsWith("styles")) parameter.normal_();
        var z = randn(2, 5);
        Tensor one = Condition.OneHot(tensor(new long[] { 0, 1 }), 3)!, two = Condition.OneHot(tensor(new long[] { 2, 1 }), 3)!;
        var (a, b) = (gan.Decode(z, one), gan.Decode(z, two));
        Assert.False(a[0].allclose(b[0], 0, 1e-6));
        Assert.True(a[1].allclose(b[1], 0, 1e-6));
        var (first, second) = (gan.Discriminator.call(a, one), gan.Discriminator.call(a, two));
        if (conditioning == Conditioning.Classifier)
        {
            Assert.Equal([2, 3], first.Classes!.shape);
            Assert.True(first.Score.allclose(second.Score));                               // it is asked, not told
        }
        else
        {
            Assert.Null(first.Classes);
            Assert.False(first.Score[0].allclose(second.Score[0], 0, 1e-6));
            Assert.True(first.Score[1].allclose(second.Score[1], 0, 1e-6));
        }
        Assert.Contains("condition is missing", Assert.Throws<ArgumentException>(() => gan.Decode(z)).Message);
    }

    // Miyato and Koyama 2018, equation 3: the score is psi(h) + y' V h.
    [Fact]
    public void The_projection_adds_an_inner_product()
    {
        using var scope = NewDisposeScope();
        var gan = Make(Tiny with { Conditioning = Conditioning.Projection, DiscriminatorNorm = Norm.None }, classes: 3);
        var x = randn(2, 1, 16, 16);
        Tensor Score(double[] y) => gan.Discriminator.call(x, tensor(y, ScalarType.Float32).view(1, 3).expand(2, 3)).Score;
        var (none, first, second, both) = (Score([0, 0, 0]), Score([1, 0, 0]), Score([0, 1, 0]), Score([1, 1, 0]));
        Assert.True((both - none).allclose(first - none + (second - none), 1e-4, 1e-5));
        Assert.False(first.allclose(second));
    }

    [Fact]
    public void Points_are_not_squashed()
    {
        using var scope = NewDisposeScope();
        var gan = Make(Tiny with { Network = GanNetwork.Mlp, Hidden = [8], Activation = Activation.Tanh }, shape: point);
        using (no_grad()) foreach (var parameter in gan.Generator.parameters()) parameter.mul_(20);
        Assert.True(gan.Decode(randn(100, 5)).abs().max().item<float>() > 2);
        Assert.Equal([100, 2, 1, 1], gan.Decode(randn(100, 5)).shape);
    }

    [Fact]
    public void Features_are_the_hidden_layers_pooled()
    {
        using var scope = NewDisposeScope();
        var gan = Make(new GanSettings { LatentDim = 5, Width = 4 }, shape: new PictureShape(1, 32, 32));
        gan.eval();
        Assert.Equal([2, (4 + 8 + 16) * 16], gan.Features(rand(2, 1, 32, 32)).shape);
    }

    // A latent that G's first layer does not read changes nothing.
    [Fact]
    public void What_a_latent_changes_is_measured()
    {
        using var scope = NewDisposeScope();
        var gan = Make(Tiny with { LatentDim = 3 });
        gan.eval();
        using (no_grad()) gan.Generator.get_parameter("seed.weight")![.., 1].zero_();
        var effects = Manifold.Sampling.Latents.Effects(gan, 2, CPU);
        Assert.Equal(0, effects[1]);
        Assert.True(effects[0] > 0 && effects[2] > 0);
    }

    [Fact]
    public void Uniform_codes_fill_the_cube_about_the_origin()
    {
        var z = Make(Tiny with { Prior = GanPrior.Uniform }).Prior.FromNormal(randn(20_000));
        Assert.InRange(z.min().item<float>(), -1, -0.999);
        Assert.InRange(z.max().item<float>(), 0.999, 1);
        Assert.Equal(1 / 3.0, z.square().mean().item<float>(), 0.01);
    }

    [Theory]
    [InlineData(GanNetwork.Dcgan, 28, 0, Conditioning.None, "square pictures of 16, 32, 64 or 128 pixels")]
    [InlineData(GanNetwork.Dcgan, 16, 0, Conditioning.Concat, "labels of two classes or more")]
    [InlineData(GanNetwork.Mlp, 16, 3, Conditioning.Projection, "model.network=dcgan")]
    public void What_does_not_suit_the_data_is_refused(GanNetwork network, int size, int classes, Conditioning conditioning, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(() => Make(Tiny with { Network = network, Conditioning = conditioning }, classes, new PictureShape(1, size, size))).Message);
}
