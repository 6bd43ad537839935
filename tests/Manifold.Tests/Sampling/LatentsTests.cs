using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Sampling;

public class LatentsTests
{
    [Fact]
    public void A_seed_means_the_same_code_in_any_company()
    {
        var many = Latents.FromSeeds([3, 4, 5, 6], 7);
        Assert.Equal(Latents.FromSeeds([5], 7)[0].data<float>().ToArray(), many[2].data<float>().ToArray());
        Assert.Equal(4, many.data<float>().ToArray().Chunk(7).Select(row => row[0]).Distinct().Count());
    }

    [Fact]
    public void Codes_of_many_seeds_are_standard_normal()
    {
        var z = Latents.FromSeeds(Enumerable.Range(0, 5000).Select(seed => (long)seed), 4);
        Assert.Equal(0, z.mean().item<float>(), 4 / Math.Sqrt(20_000));                           // four standard errors
        Assert.Equal(1, z.var().item<float>(), 4 * Math.Sqrt(2 / 20_000.0));
    }

    // Phi^-1(0.025) = -1.959963985, Phi^-1(0.5) = 0; first code left to right, second bottom to top.
    [Fact]
    public void The_sheet_goes_through_the_inverse_distribution_function()
    {
        var z = Latents.Sheet(3);
        const float edge = 1.959963985f;
        float[] expected = [-edge, edge, 0, edge, edge, edge, -edge, 0, 0, 0, edge, 0, -edge, -edge, 0, -edge, edge, -edge];
        Assert.Equal(expected, z.flatten().data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void A_line_has_both_ends_and_equal_steps()
    {
        var line = Latents.Line(tensor(new[] { 0f, 10 }), tensor(new[] { 4f, 2 }), 5);
        Assert.Equal([0, 10, 1, 8, 2, 6, 3, 4, 4, 2], line.flatten().data<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => Latents.Line(zeros(2), zeros(2), 1));
    }

    // A quarter of the circle of radius 2 in thirds: 0, 30, 60 and 90 degrees.
    [Fact]
    public void An_arc_keeps_to_the_sphere()
    {
        var half = Math.Sqrt(3);
        double[] expected = [2, 0, half, 1, 1, half, 0, 2];
        Assert.Equal(expected, Latents.Arc(tensor(new[] { 2.0, 0 }), tensor(new[] { 0.0, 2 }), 4).flatten().data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);

        var z = Latents.FromSeeds([1, 2], 20);
        var arc = Latents.Arc(z[0], z[1], 9);
        Assert.True((arc[0] - z[0]).abs().max().item<float>() < 1e-5 && (arc[8] - z[1]).abs().max().item<float>() < 1e-5);
        var lengths = arc.norm(1).data<float>().ToArray();
        Assert.Equal((lengths[0] + lengths[8]) / 2, lengths[4], 1e-4);                           // where the straight line is shorter
        Assert.True(Latents.Line(z[0], z[1], 9)[4].norm().item<float>() < 0.9 * lengths[4]);
    }

    [Fact]
    public void Codes_in_one_line_have_a_line_between_them()
    {
        Assert.Equal([1, 1, 0, 0, -1, -1], Latents.Arc(ones(2), -ones(2), 3).flatten().data<float>().ToArray());
        Assert.Equal([0, 0, 0.5f, 0.5f, 1, 1], Latents.Arc(zeros(2), ones(2), 3).flatten().data<float>().ToArray());
    }

    [Fact]
    public void A_traversal_moves_one_latent_at_a_time()
    {
        var rows = Latents.Traversal(tensor(new[] { 5f, 6, 7 }), [2, 0], reach: 1, steps: 3);
        Assert.Equal([5, 6, -1, 5, 6, 0, 5, 6, 1, -1, 6, 7, 0, 6, 7, 1, 6, 7], rows.flatten().data<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => Latents.Traversal(zeros(3), [3], 1, 3));
    }

    [Theory]
    [InlineData("7", new long[] { 7 })]
    [InlineData("0-3", new long[] { 0, 1, 2, 3 })]
    [InlineData("1,5,10-12", new long[] { 1, 5, 10, 11, 12 })]
    [InlineData("9223372036854775807", new[] { long.MaxValue })]
    [InlineData("9223372036854775806-9223372036854775807", new[] { long.MaxValue - 1, long.MaxValue })]
    public void Seeds_are_read_as_people_write_them(string text, long[] seeds) => Assert.Equal(seeds, SeedRange.Parse(text));

    [Theory]
    [InlineData(""), InlineData("3-1"), InlineData("a"), InlineData("-5"), InlineData("1-2-3"), InlineData("0-100000"), InlineData("0-9223372036854775807"), InlineData("1,0-9223372036854775807"), InlineData("9223372036854775808"), InlineData("0-99999,0")]
    public void What_is_no_range_is_refused(string text) => Assert.Throws<ArgumentException>(() => SeedRange.Parse(text));

    // A normal law cut at t has the density phi(z) / (2 Phi(t) - 1) within it.
    [Fact]
    public void Truncated_codes_have_the_law_that_is_left()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var eps = randn(200_000);
        var z = Latents.Truncated(eps, 1);
        Assert.InRange(z.abs().max().item<float>(), 0.99f, 1);
        Assert.Equal(0.5395, Math.Sqrt(z.square().mean().item<float>()), 0.003);               // sqrt(1 - 2 phi(1) / (2 Phi(1) - 1))
        Assert.True(Latents.Truncated(eps, 8).allclose(eps, 1e-3, 1e-3));
        Assert.True(z.argsort().equal(eps.argsort()).to_type(ScalarType.Float32).mean().item<float>() > 0.99);   // the order of seeds stays
        Assert.Throws<ArgumentOutOfRangeException>(() => Latents.Truncated(eps, 0));
    }
}
