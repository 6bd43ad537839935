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
    public static Tensor R1(Tensor score, Tensor x) => Slope(score, x).square().sum(1);

    /// <summary>(|grad_x D(x)| - 1)^2 at a point of the line between each real example and a fake, [B], without its weight.</summary>
    /// <param name="judge">Examples to scores, [B].</param>
    /// <remarks>Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3.</remarks>
    public static Tensor OnLines(Func<Tensor, Tensor> judge, Tensor real, Tensor fake)
    {
        var t = rand([real.shape[0], .. Enumerable.Repeat(1L, (int)real.dim() - 1)], device: real.device);   // [B, 1, 1, 1]
        var x = (t * real.detach() + (1 - t) * fake.detach()).requires_grad_();
        return (Slope(judge(x), x).norm(1) - 1).square();
    }

    // [B, dims]. TorchSharp does not tie retain_graph to create_graph, as PyTorch does.
    private static Tensor Slope(Tensor score, Tensor x) =>
        autograd.grad([score.sum()], [x], retain_graph: true, create_graph: true)[0].flatten(1);
}
