using Manifold.Engine;

namespace Manifold.Tests.Engine;

public class SuggestTests
{
    private static readonly string[] names = ["vae", "vq-vae", "dcgan", "cyclegan", "pixelcnn", "fashion-mnist", "mnist"];

    [Theory]
    [InlineData("vea", "vae")]                    // two letters swapped
    [InlineData("dcgn", "dcgan")]                 // one missing
    [InlineData("pixelcnnn", "pixelcnn")]         // one too many
    [InlineData("mmist", "mnist")]                // one wrong
    [InlineData("VAE", "vae")]
    [InlineData("fashion", "fashion-mnist")]      // a beginning
    [InlineData("cycle-gan", "cyclegan")]
    [InlineData("x", null)]
    [InlineData("", null)]
    [InlineData("transformer", null)]
    public void The_nearest_name_is_what_was_meant(string given, string? meant) => Assert.Equal(meant, Suggest.Nearest(given, names));

    [Fact]
    public void Where_no_name_is_near_nothing_is_said()
    {
        Assert.Equal(" Did you mean \"vae\"?", Suggest.DidYouMean("vea", names));
        Assert.Equal("", Suggest.DidYouMean("transformer", names));
        Assert.Equal("", Suggest.DidYouMean("vae", []));
    }
}
