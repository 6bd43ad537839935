using System.Text;
using Manifold.Data;
using Manifold.Pictures;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Pictures;

public class ScatterTests
{
    [Fact]
    public void A_point_lies_where_it_should_and_up_is_up()
    {
        var picture = Scatter.Of(2, tensor(new[] { 1f, 1f }).view(1, 2));
        bool Inked(double x, double y) => picture.Pixels[((int)((1 - y / 2) / 2 * (picture.Height - 1)) * picture.Width + (int)((x / 2 + 1) / 2 * (picture.Width - 1))) * 3 + 2] < 250;
        Assert.True(Inked(1, 1));
        Assert.False(Inked(1, -1));
        Assert.False(Inked(-1, 1));
        Assert.False(Inked(0, 0));
    }

    [Fact]
    public void Points_that_are_far_off_or_no_numbers_do_no_harm()
    {
        var picture = Scatter.Of(1, tensor(new[] { 100f, float.NaN, float.PositiveInfinity, 0, 50, -50 }).view(3, 2));
        Assert.Contains(picture.Pixels, value => value < 250);                             // at the edge
        Assert.Throws<ArgumentException>(() => Scatter.Of(1, rand(3, 3)));
    }

    [Fact]
    public void A_timeline_has_every_look_inside_it()
    {
        using var folder = new TemporaryFolder();
        foreach (var at in new[] { 0, 20, 5 }) File.WriteAllBytes(folder[$"fakes{at:D6}.png"], Grid.Of(full([4, 1, 8, 8], at / 20f), 2).ToPng());
        var looks = Timeline.Looks(folder.Path);
        Assert.Equal([0, 5, 20], looks.Select(look => look.Thousands));
        var html = Timeline.ToHtml("a <run>", looks, ["{\"examples\":5000,\"d_loss\":1.5}", "{\"examples\":5000,\"advice\":\"x\",\"sentence\":\"y\"}", "{torn"]);
        Assert.Contains("a &lt;run&gt;", html);
        Assert.Contains("max=\"2\"", html);
        Assert.Contains("d_loss 1.5", html);
        Assert.Equal(3, html.Split("\"png\":").Length - 1);
        Assert.DoesNotContain("http", html);
        Assert.Equal("GIF89a", Encoding.ASCII.GetString(Timeline.ToGif(looks), 0, 6));
        using var none = new TemporaryFolder();
        Assert.Throws<DataException>(() => Timeline.Looks(none.Path));
    }
}
