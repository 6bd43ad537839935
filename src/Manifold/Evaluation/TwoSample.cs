using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How well a classifier told two sets apart on examples that it had not learned from.</summary>
/// <param name="Tests">Examples that it was tried on, half of each set.</param>
/// <param name="AnswersOfFirst">Examples of the first set that it took for such.</param>
/// <param name="AnswersOfSecond">Examples of the second set that it took for the first's.</param>
/// <remarks>
/// Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545, take the right answers for fair coins. They are that only of a classifier that
/// gives both answers equally often; of others the right ones vary less, and such a p is too large. Given how often it answers "first", and
/// if both sets are of one law, which of the examples those are is chance alone: the right ones among them are hypergeometric.
/// </remarks>
public sealed record TwoSampleTest(int Tests, int AnswersOfFirst, int AnswersOfSecond)
{
    private int OfEach => Tests / 2;

    /// <summary>Share of right answers.</summary>
    public double Accuracy => (AnswersOfFirst + OfEach - AnswersOfSecond) / (double)Tests;

    /// <summary>Of the accuracy, over other test examples of the same two laws.</summary>
    public double StandardError => 0.5 * Math.Sqrt((Variance(AnswersOfFirst) + Variance(AnswersOfSecond)) / OfEach);

    /// <summary>The chance of as many right answers if both were of one law (Fisher's exact test).</summary>
    public double P => RankTest.MarkedAtLeast(AnswersOfFirst, AnswersOfFirst + AnswersOfSecond, OfEach, Tests);

    private double Variance(int answers) => answers / (double)OfEach * (1 - answers / (double)OfEach);
}

/// <summary>A classifier learns from half of two sets to tell them apart, and is tried on the other half.</summary>
/// <remarks>Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545; the p-value is that of <see cref="TwoSampleTest"/>.</remarks>
public static class TwoSample
{
    /// <summary>What the classifier answered on the half that was kept back.</summary>
    /// <param name="a">[N, C, H, W]: pictures in [0, 1], or points.</param>
    /// <param name="b">As many.</param>
    /// <param name="epochs">Times through the half that is learned from.</param>
    public static TwoSampleTest Of(Tensor a, Tensor b, int epochs = 5, long seed = 0)
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
        using var adam = Optimizer.Create(new OptimizerSettings { LearningRate = 1e-3, WeightDecay = 1e-4 }, network.named_parameters());
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
        int AnswersOfFirst(Tensor rest) => rest.split(500).Sum(some =>
        {
            using var step = NewDisposeScope();
            return (int)network.call(some).argmax(1).eq(0).sum().item<long>();
        });
        return new TwoSampleTest((int)(a.shape[0] - half) * 2, AnswersOfFirst(a[half..]), AnswersOfFirst(b[half..]));
    }
}
