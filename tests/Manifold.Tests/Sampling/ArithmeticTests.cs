using Manifold.Data;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Sampling;

public class ArithmeticTests
{
    // Its picture is as bright as the first number of its code says.
    private sealed class Lamp : IDecoder
    {
        public PictureShape Shape => new(1, 2, 2);
        public long LatentDim => 3;
        public Tensor Decode(Tensor z, Tensor? condition = null) => z[.., 0].sigmoid().view(-1, 1, 1, 1).expand(-1, 1, 2, 2);
    }

    // Surer of class 1 the brighter the picture.
    private static Tensor Brightness(Tensor x) => stack([1 - x.mean([1, 2, 3]), x.mean([1, 2, 3])], 1);

    [Fact]
    public void Without_an_encoder_codes_of_a_class_are_those_that_a_classifier_is_sure_of()
    {
        using var scope = NewDisposeScope();
        var all = Latents.FromSeeds(Enumerable.Range(0, 300).Select(seed => (long)seed), new Lamp());
        var bright = all.index_select(0, all[.., 0].sigmoid().ge(0.8).nonzero().flatten());
        Assert.InRange(bright.shape[0], 8, 60);                                               // sigmoid(z) is above 0.8 for z above 1.39: 8 % of codes
        Assert.True(Arithmetic.Recognized(new Lamp(), Brightness, 1, CPU, most: 5, sure: 0.8).equal(bright[..5]).all().item<bool>());
        Assert.True(Arithmetic.Recognized(new Lamp(), Brightness, 0, CPU, most: 7, sure: 0.8)[.., 0].lt(-1.38).all().item<bool>());
    }

    [Fact]
    public void A_class_that_is_hardly_ever_made_has_no_average() =>
        Assert.Contains("0 were recognized as class 1", Assert.Throws<DataException>(() => Arithmetic.Recognized(new Lamp(), Brightness, 1, CPU, tries: 200, sure: 0.9999)).Message);
}
