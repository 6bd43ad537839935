using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

public class UpsamplingTests
{
    [Theory]
    [InlineData(Upsampling.Transposed)]
    [InlineData(Upsampling.TransposedUneven)]
    [InlineData(Upsampling.Nearest)]
    [InlineData(Upsampling.Bilinear)]
    [InlineData(Upsampling.Subpixel)]
    public void Every_kind_doubles_rows_and_columns(Upsampling kind) =>
        Assert.Equal([2, 3, 10, 14], new Upsample2x(kind, 4, 3).call(zeros(2, 4, 5, 7)).shape);

    // models.md 1(f)4: nearest doubling and a 3 x 3 convolution are one transposed convolution of 4 x 4 and stride 2, whose kernel
    // is the sum of the four shifts by a pixel of the flipped kernel. So what Transposed can do, Nearest is a part of.
    [Fact]
    public void Nearest_then_a_convolution_is_a_transposed_convolution_of_four()
    {
        manual_seed(1);
        var nearest = new Upsample2x(Upsampling.Nearest, 3, 2).to(ScalarType.Float64);
        var transposed = new Upsample2x(Upsampling.Transposed, 3, 2).to(ScalarType.Float64);
        var w = nearest.state_dict()["conv.weight"];                                                   // [2, 3, 3, 3]
        var kernel = zeros(3, 2, 4, 4, ScalarType.Float64);
        var flipped = w.flip(2, 3).transpose(0, 1);                                                    // a transposed kernel is [in, out], turned round
        foreach (var dy in new[] { 0, 1 })
            foreach (var dx in new[] { 0, 1 }) kernel[.., .., dy..(dy + 3), dx..(dx + 3)] += flipped;
        using (no_grad())
        {
            transposed.state_dict()["conv.weight"].copy_(kernel);
            transposed.state_dict()["conv.bias"].copy_(nearest.state_dict()["conv.bias"]);
        }
        var x = randn(2, 3, 5, 6, ScalarType.Float64);
        Assert.True((nearest.call(x) - transposed.call(x)).abs().max().item<double>() < 1e-14);
    }

    // Of a constant map and a constant kernel, inner outputs tell how many inputs reach them: models.md 1(b), {2} for k = 4 and {2, 3} for k = 5, each way.
    [Theory]
    [InlineData(Upsampling.Transposed, new[] { 4.0 })]
    [InlineData(Upsampling.TransposedUneven, new[] { 4.0, 6, 9 })]
    [InlineData(Upsampling.Nearest, new[] { 9.0 })]
    [InlineData(Upsampling.Bilinear, new[] { 9.0 })]
    [InlineData(Upsampling.Subpixel, new[] { 9.0 })]
    public void Only_the_uneven_kernel_favours_some_outputs(Upsampling kind, double[] sums)
    {
        var layer = new Upsample2x(kind, 1, 1);
        using (no_grad()) foreach (var (name, parameter) in layer.named_parameters()) parameter.fill_(name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0);
        var inner = layer.call(ones(1, 1, 10, 10))[0, 0, 5..15, 5..15];
        Assert.Equal(sums, inner.flatten().data<float>().ToArray().Select(value => Math.Round(value, 4)).Distinct().Order());
    }
}
