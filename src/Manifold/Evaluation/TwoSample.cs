using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>A classifier learns from half of two sets to tell them apart, and is tried on the other half.</summary>
/// <remarks>Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545: if both are of one law, its accuracy is N(1/2, 1 / (4 n_test)).</remarks>
public static class TwoSample
{
    /// <summary>The accuracy on the half that was kept back, how many that were, and the chance of one so high.</summary>
    /// <param name="a">[N, C, H, W]: pictures in [0, 1], or points.</param>
    /// <param name="b">As many.</param>
    /// <param name="epochs">Times through the half that is learned from.</param>
    public static (double Accuracy, long Tests, double P) Of(Tensor a, Tensor b, int epochs = 5, long seed = 0)
    {
        b.ExpectShape(a.shape);
        using var scope = NewDisposeScope();
        using var learning = enable_grad();
        manual_seed(Seeds.At(seed, 0, "c2st"));
        var half = (int)a.shape[0] / 2;
        var shape = new PictureShape((int)a.shape[1], (int)a.shape[2], (int)a.shape[3]);
        using nn.Module<Tensor, Tensor> network = shape.IsPoint || Math.Min(shape.Height, shape.Width) < 8
            ? nn.Sequential(nn.Flatten(), Mlp.Of([shape.Dims, 64, 64, 2], Activation.Relu))
            : new SmallClassifier(shape, new ClassifierSettings(), 2);
        var adam = Optimizer.Create(new OptimizerSettings { LearningRate = 1e-3, WeightDecay = 1e-4 }, network.named_parameters());
        var (x, y) = (cat([a[..half], b[..half]]), arange(2).repeat_interleave(half));
        for (var epoch = 0; epoch < epochs; epoch++)
            foreach (var batch in randperm(2 * half).split(50))
            {
                using var step = NewDisposeScope();
                adam.ZeroGrad();
                nn.functional.cross_entropy(network.call(x.index_select(0, batch)), y.index_select(0, batch)).backward();
                adam.Step(1e-3);
            }

        using var _ = no_grad();
        network.eval();
        long Right(Tensor rest, long label) => rest.split(500).Sum(some =>
        {
            using var step = NewDisposeScope();
            return network.call(some).argmax(1).eq(label).sum().item<long>();
        });
        var right = Right(a[half..], 0) + Right(b[half..], 1);
        var tests = a.shape[0] + b.shape[0] - 2 * half;
        return (right / (double)tests, tests, RankTest.AtLeast(right, tests));
    }
}
