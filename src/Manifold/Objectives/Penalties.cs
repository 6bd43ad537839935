using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Objectives;

/// <summary>Penalties on the slope of a discriminator. Results are per example and keep a gradient to the discriminator's weights.</summary>
public static class Penalties
{
    /// <summary>|grad_x D(x)|^2 at real examples, [B], without its gamma / 2.</summary>
    /// <param name="score">D(x), [B], each of its own example only.</param>
    /// <param name="x">What it was taken of, requiring a gradient.</param>
    /// <remarks>Mescheder, Geiger and Nowozin 2018, https://arxiv.org/abs/1801.04406, equation 9.</remarks>
    /// <exception cref="ArgumentException">There is no slope: no gradient is recorded, or the score does not depend on x.</exception>
    public static Tensor R1(Tensor score, Tensor x) => Slope(score, x).square().sum(1);

    /// <summary>(|grad_x D(x)| - 1)^2 at a point of the line between each real example and a fake, [B], without its weight.</summary>
    /// <param name="judge">Examples to scores, [B].</param>
    /// <remarks>Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3.</remarks>
    /// <exception cref="ArgumentException">Real and fake differ in shape, or there is no slope: no gradient is recorded, or the score does not depend on the example.</exception>
    public static Tensor OnLines(Func<Tensor, Tensor> judge, Tensor real, Tensor fake)
    {
        fake.ExpectReal().ExpectShape(real.ExpectReal().shape, nameof(fake));
        if (real.dim() == 0) throw new ArgumentException("real is one number; expected examples, [B, ...].", nameof(real));
        var t = rand([real.shape[0], .. Enumerable.Repeat(1L, (int)real.dim() - 1)], device: real.device);   // [B, 1, 1, 1]
        var x = (t * real.detach() + (1 - t) * fake.detach()).requires_grad_();
        return (Slope(judge(x), x).norm(1) - 1).square();
    }

    // [B, dims]. TorchSharp does not tie retain_graph to create_graph, as PyTorch does; and libtorch ends the process where a gradient cannot be taken.
    private static Tensor Slope(Tensor score, Tensor x)
    {
        if (!x.ExpectReal().requires_grad) throw new ArgumentException("x requires no gradient; call x.requires_grad_() before the score is taken of it.", nameof(x));
        if (!score.ExpectReal().requires_grad) throw new ArgumentException("score has no gradient; take it outside no_grad and inference_mode, of a discriminator that depends on x.", nameof(score));
        var gradient = autograd.grad([score.sum()], [x], retain_graph: true, create_graph: true, allow_unused: true)[0];
        return gradient is { IsInvalid: false } ? gradient.flatten(1)
            : throw new ArgumentException("score does not depend on x, so it has no slope there; pass the x that it was taken of.", nameof(x));
    }
}
