using Manifold.Data;
using Manifold.Distributions;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Sampling;

public class InversionTests
{
    [Fact]
    public void The_code_of_a_generators_own_picture_is_found_again()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var gan = new Gan(new PictureShape(1, 16, 16), new GanSettings { LatentDim = 3, Width = 4 });
        using (no_grad()) foreach (var parameter in gan.Generator.parameters()) if (parameter.dim() > 1) parameter.mul_(8);
        gan.eval();
        Tensor x;
        using (no_grad()) x = gan.Decode(Latents.FromSeeds([1, 2, 3, 4], gan));
        var found = Inversion.Of(gan, new Batch(x), steps: 150, restarts: 3);
        Assert.True(found.Errors.max().item<float>() < 0.05 * found.StartErrors.min().item<float>());
        Assert.True((found.Pictures - x).square().mean([1, 2, 3]).allclose(found.Errors, 1e-3, 1e-6));
        Assert.Equal([4, 3], found.Codes.shape);
    }

    // The search moves codes: the weights get no gradient, and one that they had stays as it was.
    [Fact]
    public void The_models_weights_get_no_gradient()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var vae = new Vae(new PictureShape(1, 8, 8), new VaeSettings { Hidden = [16], LatentDim = 3 });
        vae.eval();
        var batch = new Batch(rand(5, 1, 8, 8));
        Inversion.Of(vae, batch, steps: 2, restarts: 2);
        Assert.All(vae.parameters(), parameter => Assert.True(parameter.grad is null && parameter.requires_grad));
        vae.Decode(zeros(1, 3)).sum().backward();
        var before = vae.parameters().Select(parameter => parameter.grad?.clone()).ToList();
        Inversion.Of(vae, batch, steps: 2, restarts: 1);
        Assert.All(vae.parameters().Zip(before), pair => Assert.True(pair.Second is null ? pair.First.grad is null : pair.First.grad!.eq(pair.Second).all().item<bool>()));
    }

    [Fact]
    public void An_encoders_answer_is_where_it_begins_and_never_gets_worse()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var vae = new Vae(new PictureShape(1, 8, 8), new VaeSettings { Hidden = [16], LatentDim = 3 });
        vae.eval();
        var batch = new Batch(rand(5, 1, 8, 8));
        var found = Inversion.Of(vae, batch, steps: 50, restarts: 1);
        Assert.True(found.StartErrors.allclose((vae.Decode(vae.Encode(batch).Code) - batch.X).square().mean([1, 2, 3]), 1e-4, 1e-6));
        Assert.True(found.Errors.le(found.StartErrors).all().item<bool>());
        Assert.True(found.Errors.lt(found.StartErrors).any().item<bool>());
    }

    // A step far too long makes a code worse; the better one from before it is what is kept.
    [Fact]
    public void The_best_code_is_kept_and_not_the_last()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var vae = new Vae(new PictureShape(1, 8, 8), new VaeSettings { Hidden = [16], LatentDim = 3 });
        vae.eval();
        var batch = new Batch(rand(5, 1, 8, 8));
        var found = Inversion.Of(vae, batch, steps: 1, restarts: 3, rate: 500);
        Assert.True(found.Errors.le(found.StartErrors).all().item<bool>());
    }

    [Fact]
    public void Codes_of_a_cube_stay_in_it()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var gan = new Gan(new PictureShape(1, 16, 16), new GanSettings { LatentDim = 3, Width = 4, Prior = GanPrior.Uniform });
        gan.eval();
        Assert.InRange(Inversion.Of(gan, new Batch(rand(3, 1, 16, 16)), steps: 60, restarts: 1, rate: 0.5).Codes.abs().max().item<float>(), 0, 1);
        Assert.False(Prior.SignedCube.IsRound);

        var vae = new Vae(new PictureShape(1, 8, 8), new VaeSettings { Hidden = [16], LatentDim = 3, Prior = PriorFamily.Cube, Posterior = PosteriorFamily.SigmoidLogistic });
        vae.eval();
        var codes = Inversion.Of(vae, new Batch(rand(3, 1, 8, 8)), steps: 60, restarts: 2, rate: 0.5).Codes;
        Assert.InRange(codes.min().item<float>(), 0, 1);                                   // this cube has another corner at the origin
        Assert.InRange(codes.max().item<float>(), 0, 1);
    }
}
