using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How well classes can be read from features that were learned without them.</summary>
public static class Probe
{
    /// <summary>Share of test examples that a linear classifier of standardized features gets right; logistic, with a little weight decay.</summary>
    /// <param name="train">[N, F], and labels [N].</param>
    /// <param name="test">[M, F], and labels [M].</param>
    /// <exception cref="ArgumentException">The two are not of the same features, or labels are missing or below 0.</exception>
    public static double Linear((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) test, int steps = 300)
    {
        using var scope = NewDisposeScope();
        ExpectPair(train, test);
        using var learning = enable_grad();
        var (mean, deviation) = (train.X.mean([0]), train.X.std(0, unbiased: false) + 1e-5);
        Tensor Standard(Tensor x) => (x - mean) / deviation;
        var classes = Math.Max(train.Y.max().item<long>(), test.Y.max().item<long>()) + 1;
        manual_seed(Seeds.At(0, 0, "probe"));
        using var layer = nn.Linear(train.X.shape[1], classes);
        using (no_grad()) layer.weight.zero_();                                     // where it ends does not depend on where it begins
        using var adam = Optimizer.Create(new OptimizerSettings { Kind = OptimizerKind.AdamW, WeightDecay = 0.01 }, layer.named_parameters());
        var x = Standard(train.X);
        for (var step = 0; step < steps; step++)
        {
            using var inner = NewDisposeScope();
            adam.ZeroGrad();
            nn.functional.cross_entropy(layer.call(x), train.Y).backward();
            adam.Step(0.003 * (1 + Math.Cos(Math.PI * step / steps)) / 2);
        }
        using var _ = no_grad();
        return layer.call(Standard(test.X)).argmax(1).eq(test.Y).to_type(ScalarType.Float64).mean().item<double>();
    }

    /// <summary>Share of test examples whose k nearest training examples, by cosine, have their class the most; of classes with as many the one with the nearer neighbours.</summary>
    /// <param name="k">Neighbours that vote; all training examples where there are fewer.</param>
    /// <exception cref="ArgumentException">The two are not of the same features, or labels are missing or below 0, or k is below 1.</exception>
    public static double NearestNeighbours((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) test, int k = 5)
    {
        SettingChecks.Need(k >= 1, "k", k, "1 or more");
        using var scope = NewDisposeScope();
        ExpectPair(train, test);
        // In float64: features far from the origin have cosines that differ in the digits that float32 has not.
        static Tensor Unit(Tensor x) => nn.functional.normalize(x.to_type(ScalarType.Float64), dim: 1);
        var a = Unit(train.X);
        var classes = train.Y.max().item<long>() + 1;
        var right = 0L;
        k = (int)Math.Min(k, a.shape[0]);
        foreach (var (x, y) in test.X.split(500).Zip(test.Y.split(500)))
        {
            using var inner = NewDisposeScope();
            var (similar, which) = matmul(Unit(x), a.t()).topk(k, 1);
            var votes = (nn.functional.one_hot(train.Y.index_select(0, which.flatten()).view(-1, k), classes) * (1 + 1e-3 * similar).unsqueeze(-1)).sum(dim: 1);
            right += votes.argmax(1).eq(y).sum().item<long>();
        }
        return right / (double)test.Y.shape[0];
    }

    private static void ExpectPair((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) test)
    {
        train.X.ExpectReal("train.X").ExpectShape([-1, -1], "train.X");
        test.X.ExpectType([train.X.dtype], "test.X").ExpectShape([-1, train.X.shape[1]], "test.X");
        foreach (var (labels, count, name) in new[] { (train.Y, train.X.shape[0], "train.Y"), (test.Y, test.X.shape[0], "test.Y") })
        {
            labels.ExpectType([ScalarType.Int64], name).ExpectShape([count], name);
            if (count == 0) throw new ArgumentException($"{name} is empty; there must be an example.", name);
            if (labels.min().item<long>() is < 0 and var least) throw new ArgumentException($"{name} has the label {least}; labels are 0 or more.", name);
        }
    }
}
