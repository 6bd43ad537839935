using static Manifold.Engine.SettingChecks;

namespace Manifold.Engine;

/// <summary>Which update rule.</summary>
public enum OptimizerKind
{
    /// <summary>Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; weight decay is added to the gradient.</summary>
    Adam,

    /// <summary>Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101: Adam whose weight decay shrinks the parameter itself.</summary>
    AdamW,

    /// <summary>Kingma and Ba 2015, algorithm 2: the largest recent gradient in place of the root of the mean square.</summary>
    Adamax,

    /// <summary>Hinton's lecture 6e (Neural Networks for Machine Learning, 2012), with optional momentum.</summary>
    RmsProp,

    /// <summary>Gradient descent, with momentum if <see cref="OptimizerSettings.Momentum"/> is not 0.</summary>
    Sgd,
}

/// <summary>How to step. The defaults are Adam's as its paper gives them; epsilon stands outside the root, as in PyTorch.</summary>
public sealed record OptimizerSettings
{
    public OptimizerKind Kind { get; init; } = OptimizerKind.Adam;
    public double LearningRate { get; init; } = 1e-3;    // before the schedule
    public double Beta1 { get; init; } = 0.9;            // Adam, AdamW, Adamax: memory of the mean, [0, 1)
    public double Beta2 { get; init; } = 0.999;          // Adam, AdamW, Adamax: memory of the size, [0, 1)
    public double Epsilon { get; init; } = 1e-8;         // added to the divisor
    public double WeightDecay { get; init; }             // per unit of learning rate
    public double Momentum { get; init; }                // Sgd, RmsProp: [0, 1)
    public double Alpha { get; init; } = 0.99;           // RmsProp: memory of the mean square, [0, 1)
    public double? ClipNorm { get; init; }               // largest norm of all gradients together; infinity measures it only

    /// <summary>Returns these settings if they make sense.</summary>
    /// <param name="path">Where they stand among the settings: optimizer, or generator and discriminator.</param>
    /// <exception cref="ArgumentOutOfRangeException">The message names the setting, its value and what it needs.</exception>
    public OptimizerSettings Validated(string path = "optimizer")
    {
        Need(Enum.IsDefined(Kind), $"{path}.kind", Kind, $"one of {string.Join(", ", Enum.GetNames<OptimizerKind>())}");
        Need(LearningRate is >= 0 and < double.PositiveInfinity, $"{path}.learning_rate", LearningRate, "to be a finite number of at least 0");
        NeedFraction($"{path}.beta1", Beta1);
        NeedFraction($"{path}.beta2", Beta2);
        NeedFraction($"{path}.momentum", Momentum);
        NeedFraction($"{path}.alpha", Alpha);
        Need(Epsilon is >= 0 and < double.PositiveInfinity, $"{path}.epsilon", Epsilon, "to be a finite number of at least 0");
        Need(WeightDecay is >= 0 and < double.PositiveInfinity, $"{path}.weight_decay", WeightDecay, "to be a finite number of at least 0");
        Need(ClipNorm is null or > 0, $"{path}.clip_norm", ClipNorm, "to be above 0, or null for none");
        return this;
    }

    private static void NeedFraction(string path, double value) => Need(value is >= 0 and < 1, path, value, "to be at least 0 and below 1");
}
