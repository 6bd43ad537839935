using Manifold.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Objectives;

public class AugmentationsTests
{
    [Fact]
    public void A_translation_moves_whole_pixels_and_fills_with_grey()
    {
        manual_seed(1);
        var x = arange(1, 257).view(1, 1, 16, 16).to_type(ScalarType.Float32).expand(60, 2, 16, 16);
        var moved = Augmentations.Apply([Augmentation.Translation], x);
        var shifts = new HashSet<(int, int)>();
        for (var i = 0; i < 60; i++)
        {
            var match = (from dy in Enumerable.Range(-2, 5) from dx in Enumerable.Range(-2, 5) where Shifted(x[i], dy, dx).equal(moved[i]).all().item<bool>() select (dy, dx)).ToList();
            shifts.Add(Assert.Single(match));                                              // an eighth of 16 is 2, and both channels go together
        }
        Assert.True(shifts.Count > 12);
    }

    private static Tensor Shifted(Tensor picture, int dy, int dx)
    {
        var padded = nn.functional.pad(picture, [2, 2, 2, 2]);
        return padded[.., (2 + dy)..(18 + dy), (2 + dx)..(18 + dx)];
    }

    [Fact]
    public void A_cutout_is_a_square_of_half_the_side()
    {
        manual_seed(2);
        var cut = Augmentations.Apply([Augmentation.Cutout], ones([200, 3, 16, 16]));
        var holes = (1 - cut).sum([1, 2, 3]) / 3;                                          // pixels cut, of 64 at most
        Assert.Equal(64, holes.max().item<float>());
        Assert.True(holes.min().item<float>() is >= 16 and < 64);                          // at an edge a part of it lies outside
        var (rows, columns) = ((1 - cut).amax(dims: [1, 3]).sum(1), (1 - cut).amax(dims: [1, 2]).sum(1));
        Assert.True((rows * columns).equal(holes).all().item<bool>());                     // rows times columns: a rectangle
    }

    [Fact]
    public void Grey_pictures_have_no_saturation_and_colours_keep_their_mean_through_it()
    {
        manual_seed(3);
        var x = rand([50, 1, 8, 8]) * 2 - 1;
        var grey = Augmentations.Apply([Augmentation.Colour], x);
        var (a, b) = (grey.flatten(1), x.flatten(1));
        var contrast = a.std(dim: 1) / b.std(dim: 1);
        Assert.InRange(contrast.min().item<float>(), 0.5f, 0.6f);
        Assert.InRange(contrast.max().item<float>(), 1.4f, 1.5f);
        var brightness = a.mean([1]) - b.mean([1]);
        Assert.InRange(brightness.min().item<float>(), -0.5f, -0.4f);
        Assert.InRange(brightness.max().item<float>(), 0.4f, 0.5f);
        Assert.True(((a - a.mean([1], keepdim: true)) / contrast.unsqueeze(1)).allclose(b - b.mean([1], keepdim: true), 1e-4, 1e-4));
    }

    [Fact]
    public void The_gradient_passes_through_all_of_them()
    {
        manual_seed(4);
        var x = (rand([4, 3, 16, 16]) * 2 - 1).requires_grad_();
        Augmentations.Apply([Augmentation.Colour, Augmentation.Translation, Augmentation.Cutout], x).square().sum().backward();
        Assert.True(x.grad!.abs().amax(dims: [1, 2, 3]).min().item<float>() > 0);
    }

    [Fact]
    public void None_leaves_pictures_as_they_are()
    {
        var x = rand([2, 1, 8, 8]);
        Assert.Same(x, Augmentations.Apply([], x));
    }
}
