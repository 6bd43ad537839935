using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Every update rule, as one call of a kernel on the lists of parameters, gradients and moments.</summary>
/// <remarks>Measured against TorchSharp's own and against one flat buffer in docs/decisions/0002-optimizers.md.</remarks>
internal sealed class FusedOptimizer : Optimizer
{
    private readonly OptimizerSettings settings;
    private readonly Tensor[] live;                     // the parameters, in the order of their names' list
    private readonly Tensor[] first, second, steps;     // moments as the kernel takes them, [like the parameter]; counters, []
    private readonly Tensor step;                       // the counters in one vector, [parameters], so that one addition serves all
    private readonly Scalar[] numbers;                  // the kernel's constants; made once, because each is a native object
    private readonly Scalar? largest;
    private readonly string kernel;
    private readonly Dictionary<string, Tensor> state = [];
    private Tensor? norm;

    public FusedOptimizer(OptimizerSettings settings, IReadOnlyList<(string name, Parameter parameter)> parameters) : base(parameters)
    {
        Check(parameters);
        this.settings = settings;
        live = [.. parameters.Select(p => p.parameter)];
        (kernel, var constants, var moments) = Rule(settings);
        using var outside = NewDisposeScope();          // the optimizer lives longer than the scope it is built in
        numbers = [.. constants.Select(c => c.ToScalar())];
        largest = settings.ClipNorm?.ToScalar();
        step = zeros(live.Length, dtype: ScalarType.Float32, device: live[0].device).DetachFromDisposeScope();
        steps = [.. Enumerable.Range(0, live.Length).Select(i => step[i].DetachFromDisposeScope())];
        first = Moments(moments.ElementAtOrDefault(0));
        second = Moments(moments.ElementAtOrDefault(1));
        state["step"] = step;
    }

    public override IReadOnlyDictionary<string, Tensor> State => state;

    public override Tensor? GradientNorm => norm;

    // None instead of zero: the first gradient is then kept as it comes, with no pass to clear and no pass to add.
    public override void ZeroGrad()
    {
        foreach (var parameter in live) parameter.grad = null;
    }

    public override void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        using var rate = learningRate.ToScalar();

        var has = new List<int>(live.Length);
        var gradients = new List<Tensor>(live.Length);
        for (var i = 0; i < live.Length; i++)
            if (live[i].grad is { } gradient)
            {
                has.Add(i);
                gradients.Add(Alike(gradient, live[i]));
            }
        if (has.Count == 0) return;

        var g = gradients.ToArray();
        if (largest is not null)
        {
            norm?.Dispose();
            norm = Kernels.Run("clip", g, largest)!.DetachFromDisposeScope();
        }

        var all = has.Count == live.Length;
        if (all) using (var one = 1.0.ToScalar()) step.add_(one);
        else Kernels.Run("add_one", [Of(steps)]);

        object[] lists = second.Length > 0 ? [Of(live), g, Of(first), Of(second)] : [Of(live), g, Of(first)];
        object[] counters = settings.Kind is OptimizerKind.Adam or OptimizerKind.AdamW or OptimizerKind.Adamax ? [Of(steps)] : [];
        Kernels.Run(kernel, [.. lists, .. counters, rate, .. numbers]);

        Tensor[] Of(Tensor[] whole) => all || whole.Length == 0 ? whole : [.. has.Select(i => whole[i])];
    }

    // The fused kernels walk memory and never look at strides: a gradient that lies otherwise than its parameter must be laid like it.
    private static Tensor Alike(Tensor gradient, Tensor parameter) =>
        gradient.Dimensions < 2 || gradient.stride().AsSpan().SequenceEqual(parameter.stride()) ? gradient : empty_like(parameter).copy_(gradient);

    // Kernel, its constants after the rate, and the names of its moments.
    private static (string, double[], string[]) Rule(OptimizerSettings s) => s.Kind switch
    {
        OptimizerKind.Adam => ("adam", [s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay], ["exp_avg", "exp_avg_sq"]),
        OptimizerKind.AdamW => ("adamw", [s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay], ["exp_avg", "exp_avg_sq"]),
        OptimizerKind.Adamax => ("adamax", [s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay], ["exp_avg", "exp_inf"]),
        OptimizerKind.RmsProp => ("rmsprop", [s.Alpha, s.Momentum, s.Epsilon, s.WeightDecay], ["square_avg", "momentum_buffer"]),
        _ => ("sgd", [s.Momentum, s.WeightDecay], s.Momentum == 0 ? [] : ["momentum_buffer"]),
    };

    private Tensor[] Moments(string? name) => name is null ? [] : [.. Parameters.Select(p =>
    {
        using var still = no_grad();
        return state[$"{name}.{p.name}"] = zeros_like(p.parameter).DetachFromDisposeScope();   // zeros_like keeps the strides
    })];

    private static void Check(IReadOnlyList<(string name, Parameter parameter)> parameters)
    {
        if (parameters.Count == 0) throw new ArgumentException("There are no parameters; an optimizer needs at least one.", nameof(parameters));
        if (parameters.GroupBy(p => p.name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"Two parameters are named {twice.Key}; each needs its own name.", nameof(parameters));
        if (parameters.FirstOrDefault(p => !p.parameter.requires_grad) is { parameter: not null } frozen)
            throw new ArgumentException($"{frozen.name} is frozen (requires_grad is false); leave it out of the list, or let it learn.", nameof(parameters));
    }
}
