using System.Text.Json.Serialization;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Objectives;

/// <summary>Which game a generator and a discriminator play.</summary>
public enum GameKind
{
    /// <summary>As first written: G lowers log(1 - D(G(z))), whose gradient vanishes where D is sure.</summary>
    Minimax,

    /// <summary>G raises log D(G(z)) instead: the same fixed point, and a gradient where D is sure.</summary>
    NonSaturating,

    /// <summary>Squared distances of the scores to three codes.</summary>
    LeastSquares,

    /// <summary>A difference of means, with a gradient penalty that keeps the critic's slope near 1.</summary>
    WassersteinGp,

    /// <summary>Scores count until they are 1 on their side.</summary>
    Hinge,
}

/// <summary>The two halves of an adversarial game, on the discriminator's raw scores. A new game is a value and not a class. Results are per example, in nats where scores are logits; lower is better.</summary>
/// <param name="Name">As the setting is written.</param>
/// <param name="Real">The discriminator's loss of the scores of real examples, [B] to [B].</param>
/// <param name="Fake">The discriminator's loss of the scores of fakes, [B] to [B].</param>
/// <param name="Generator">The generator's loss of the scores of its fakes, [B] to [B].</param>
public sealed record Game(string Name, Func<Tensor, Tensor> Real, Func<Tensor, Tensor> Fake, Func<Tensor, Tensor> Generator)
{
    /// <summary>Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.</summary>
    /// <param name="smoothing">One-sided: the target of real examples is 1 - smoothing (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4).</param>
    public static Game Minimax(double smoothing = 0) => new("minimax",
        Real: Believed(smoothing),
        Fake: fake => functional.softplus(fake),                     // -log(1 - D(G(z)))
        Generator: fake => -functional.softplus(fake));              // log(1 - D(G(z)))

    /// <summary>Goodfellow et al. 2014, section 3: G maximises log D(G(z)).</summary>
    /// <param name="smoothing">As in <see cref="Minimax"/>.</param>
    public static Game NonSaturating(double smoothing = 0) => new("non_saturating",
        Real: Believed(smoothing),
        Fake: fake => functional.softplus(fake),                     // -log(1 - D(G(z)))
        Generator: fake => functional.softplus(-fake));              // -log D(G(z))

    /// <summary>Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2.</summary>
    /// <param name="a">What D gives fakes.</param>
    /// <param name="b">What D gives real examples.</param>
    /// <param name="c">What G wants D to give fakes.</param>
    public static Game LeastSquares(double a = 0, double b = 1, double c = 1) => new("least_squares",
        Real: real => 0.5 * (real - b).square(),                     // (D(x) - b)^2 / 2
        Fake: fake => 0.5 * (fake - a).square(),                     // (D(G(z)) - a)^2 / 2
        Generator: fake => 0.5 * (fake - c).square());               // (D(G(z)) - c)^2 / 2

    /// <summary>Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3 without its penalty (<see cref="Penalties.OnLines"/>).</summary>
    public static Game Wasserstein() => new("wasserstein_gp",
        Real: real => -real,
        Fake: fake => fake,
        Generator: fake => -fake);

    /// <summary>Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, https://arxiv.org/abs/1802.05957, equations 16 and 17.</summary>
    public static Game Hinge() => new("hinge",
        Real: real => functional.relu(1 - real),
        Fake: fake => functional.relu(1 + fake),
        Generator: fake => -fake);

    // -(1 - s) log D - s log(1 - D), with D = sigmoid(real).
    private static Func<Tensor, Tensor> Believed(double smoothing) => smoothing == 0
        ? real => functional.softplus(-real)                         // -log D(x)
        : real => functional.softplus(-real) + smoothing * real;     // softplus(x) - softplus(-x) = x
}

/// <summary>Settings of a game and of what is added to it. Every regularizer goes with every game.</summary>
public sealed record AdversarialObjective
{
    public GameKind Game { get; init; } = GameKind.NonSaturating;
    public IReadOnlyList<double> Coding { get; init; } = [0, 1, 1];     // least_squares: a, b, c; [-1, 1, 0] gives Pearson's chi-square
    public double Smoothing { get; init; }                              // minimax, non_saturating: real examples have the target 1 - smoothing
    public double R1 { get; init; }                                     // gamma: gamma/2 of the squared slope of D at real examples
    public int R1Every { get; init; } = 1;                              // R1 is taken every so many steps, times so much
    public double? GradientPenalty { get; init; }                       // weight of (slope - 1)^2 between real and fake; null: 10 for wasserstein_gp, none for others
    public double? Drift { get; init; }                                 // weight of D(x)^2; null: 0.001 for wasserstein_gp, none for others
    public double InstanceNoise { get; init; }                          // deviation of noise on what D sees, on the scale of [-1, 1]
    public long InstanceNoiseOver { get; init; } = 1_000_000;           // examples over which that noise falls to nothing
    public IReadOnlyList<Augmentation> Augment { get; init; } = [];     // what is done to all that D sees, inside the gradient
    public int DiscriminatorSteps { get; init; } = 1;                   // updates of D for each of G, every one with examples of its own
    public double ClassWeight { get; init; } = 1;                       // auxiliary classifier: weight of the classes' cross-entropy

    /// <summary>The penalty's weight as it acts.</summary>
    internal double Gamma => GradientPenalty ?? (Game == GameKind.WassersteinGp ? 10 : 0);

    /// <summary>The drift's weight as it acts.</summary>
    internal double Epsilon => Drift ?? (Game == GameKind.WassersteinGp ? 0.001 : 0);

    /// <summary>Whether the loss has a slope of D in it, which asks that D judge each example by itself.</summary>
    [JsonIgnore] public bool HasSlopes => R1 > 0 || Gamma > 0;

    /// <summary>The game itself.</summary>
    public Game ToGame() => Game switch
    {
        GameKind.Minimax => Objectives.Game.Minimax(Smoothing),
        GameKind.LeastSquares => Objectives.Game.LeastSquares(Coding[0], Coding[1], Coding[2]),
        GameKind.WassersteinGp => Objectives.Game.Wasserstein(),
        GameKind.Hinge => Objectives.Game.Hinge(),
        _ => Objectives.Game.NonSaturating(Smoothing),
    };

    /// <exception cref="ArgumentOutOfRangeException">A setting is out of range; the message names it.</exception>
    public AdversarialObjective Validated()
    {
        var isLogistic = Game is GameKind.Minimax or GameKind.NonSaturating;
        var coding = $"[{string.Join(",", Coding)}]";
        SettingChecks.Need(Coding.Count == 3, "objective.coding", coding, "three numbers: what D gives fakes, what it gives real examples, what G wants");
        SettingChecks.Need(Game != GameKind.LeastSquares || Coding[0] != Coding[2], "objective.coding", coding, "its third number, what G wants, to differ from its first, what D gives fakes: else G learns nothing");
        SettingChecks.Need(Smoothing is >= 0 and < 0.5 && (Smoothing == 0 || isLogistic), "objective.smoothing", Smoothing, isLogistic ? "to be at least 0 and below 0.5" : "to be 0: only minimax and non_saturating have targets to smooth");
        SettingChecks.Need(R1 >= 0, "objective.r1", R1, "to be at least 0");
        SettingChecks.Need(R1Every >= 1, "objective.r1_every", R1Every, "1 or more");
        SettingChecks.Need(GradientPenalty is null or >= 0, "objective.gradient_penalty", GradientPenalty, "to be at least 0");
        SettingChecks.Need(Drift is null or >= 0, "objective.drift", Drift, "to be at least 0");
        SettingChecks.Need(InstanceNoise >= 0, "objective.instance_noise", InstanceNoise, "to be at least 0");
        SettingChecks.NeedPositive(InstanceNoiseOver, "objective.instance_noise_over");
        SettingChecks.Need(DiscriminatorSteps >= 1, "objective.discriminator_steps", DiscriminatorSteps, "1 or more");
        SettingChecks.Need(ClassWeight >= 0, "objective.class_weight", ClassWeight, "to be at least 0");
        return this;
    }
}
