using Manifold.Data;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

public class ConvNetsTests
{
    private static readonly ConvSettings Small = new() { Channels = [4, 6, 8], Blocks = [0, 1, 2] };

    [Theory]
    [InlineData(1, 28, 28)]
    [InlineData(1, 28, 20)]                                                     // Frey's faces
    [InlineData(3, 33, 17)]                                                     // odd at every level
    [InlineData(2, 5, 1)]                                                       // smaller than the halvings
    public void Any_size_goes_in_and_comes_out(int channels, int height, int width)
    {
        var shape = new PictureShape(channels, height, width);
        foreach (var upsampling in Enum.GetValues<Upsampling>())
            foreach (var residual in new[] { false, true })
            {
                var settings = Small with { Upsampling = upsampling, Residual = residual };
                Assert.Equal([2, 7], new ConvEncoder(shape, channels, 7, settings, Activation.Relu).call(zeros(2, channels, height, width)).shape);
                Assert.Equal([2, 5, height, width], new ConvDecoder(shape, 7, 5, settings, Activation.Elu).call(zeros(2, 7)).shape);
            }
    }

    [Fact]
    public void Each_resolution_halves_the_one_before_rounded_up() =>
        Assert.Equal([(33, 17), (17, 9), (9, 5)], Small.Sizes(new PictureShape(1, 33, 17)));

    // The defaults are the encoder of models.md 1(b): 32, 32 s2, 32, 64 s2, 64, 64 s2, 64, 64, and its mirror.
    [Fact]
    public void The_defaults_are_the_published_networks()
    {
        static IEnumerable<string> Kernels(nn.Module network) => network.named_parameters().Where(p => p.parameter.dim() == 4).Select(p => string.Join("x", p.parameter.shape));
        var shape = new PictureShape(1, 28, 28);
        Assert.Equal(["32x1x3x3", "32x32x3x3", "32x32x3x3", "64x32x3x3", "64x64x3x3", "64x64x3x3", "64x64x3x3", "64x64x3x3"],
            Kernels(new ConvEncoder(shape, 1, 10, new ConvSettings(), Activation.Relu)));
        Assert.Equal(["64x64x3x3", "64x64x3x3", "64x64x4x4", "64x64x3x3", "64x32x4x4", "32x32x3x3", "32x32x4x4", "1x32x3x3"],
            Kernels(new ConvDecoder(shape, 10, 1, new ConvSettings(), Activation.Relu)));
    }

    [Fact]
    public void A_residual_block_starts_as_the_identity_and_is_none_later()
    {
        var settings = Small with { Residual = true };
        manual_seed(0);
        var encoder = new ConvEncoder(new PictureShape(1, 8, 8), 1, 3, settings, Activation.Relu);
        var block = encoder.named_modules().Select(m => m.module).OfType<ResidualBlock>().First();
        var x = randn(1, 6, 4, 4);
        Assert.Equal(0, (block.call(x) - x).abs().max().item<float>());
        using (no_grad()) foreach (var parameter in block.parameters()) parameter.add_(0.1);
        Assert.True((block.call(x) - x).abs().max().item<float>() > 0.01);
    }

    // He's deviations keep the size of maps through many layers; torch's own would lose nine tenths of it here.
    [Fact]
    public void Maps_keep_their_size_through_depth()
    {
        manual_seed(1);
        var deep = new ConvSettings { Channels = [32, 32], Blocks = [6, 6] };
        var x = randn(16, 1, 16, 16);
        var maps = new ConvEncoder(new PictureShape(1, 16, 16), 1, 3, deep, Activation.Relu).named_children().First(c => c.name == "body").module as nn.Module<Tensor, Tensor>;
        Assert.InRange(maps!.call(x).square().mean().sqrt().item<float>(), 0.3, 3);
    }

    [Theory]
    [InlineData(new long[0], new long[0], "model.conv.channels is []")]
    [InlineData(new long[] { 8, 0 }, new long[] { 0, 0 }, "model.conv.channels is [8,0]")]
    [InlineData(new long[] { 8, 8 }, new long[] { 1 }, "model.conv.blocks is [1]; it needs a number of 0 or more for each of the 2 resolutions")]
    public void Settings_that_do_not_fit_are_refused_by_name(long[] channels, long[] blocks, string message) =>
        Assert.StartsWith(message, Assert.Throws<ArgumentOutOfRangeException>(() => new ConvSettings { Channels = channels, Blocks = blocks }.Validated("model.conv")).Message);
}
