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
    private Memory? memory;                             // made when it is first needed: a model that only samples needs none
    private Tensor? norm;

    public FusedOptimizer(OptimizerSettings settings, IReadOnlyList<(string name, Parameter parameter)> parameters) : base(parameters)
    {
        Check(parameters);
        this.settings = settings;
        live = [.. parameters.Select(p => p.parameter)];
    }

    public override IReadOnlyDictionary<string, Tensor> State => Kept.State;

    public override Tensor? GradientNorm => norm;

    public override void Dispose()
    {
        norm?.Dispose();
        memory?.Dispose();
        (norm, memory) = (null, null);
    }

    private Memory Kept => memory ??= new Memory(settings, Parameters);

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
        var kept = Kept;

        var g = gradients.ToArray();
        if (kept.Largest is { } largest)
        {
            norm?.Dispose();
            norm = Kernels.Run("clip", g, largest)!.DetachFromDisposeScope();
        }

        var all = has.Count == live.Length;
        if (all) using (var one = 1.0.ToScalar()) kept.Step.add_(one);
        else Kernels.Run("add_one", [Of(kept.Steps)]);

        object[] lists = kept.Second.Length > 0 ? [Of(live), g, Of(kept.First), Of(kept.Second)] : [Of(live), g, Of(kept.First)];
        object[] counters = settings.Kind is OptimizerKind.Adam or OptimizerKind.AdamW or OptimizerKind.Adamax ? [Of(kept.Steps)] : [];
        Kernels.Run(kept.Kernel, [.. lists, .. counters, rate, .. kept.Numbers]);

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

    private static void Check(IReadOnlyList<(string name, Parameter parameter)> parameters)
    {
        if (parameters.Count == 0) throw new ArgumentException("There are no parameters; an optimizer needs at least one.", nameof(parameters));
        if (parameters.GroupBy(p => p.name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"Two parameters are named {twice.Key}; each needs its own name.", nameof(parameters));
        if (parameters.FirstOrDefault(p => !p.parameter.requires_grad) is { parameter: not null } frozen)
            throw new ArgumentException($"{frozen.name} is frozen (requires_grad is false); leave it out of the list, or let it learn.", nameof(parameters));
    }

    // Moments, counters and constants. They live longer than the scope that they are made in.
    private sealed class Memory : IDisposable
    {
        private readonly Dictionary<string, Tensor> state = [];

        public Memory(OptimizerSettings settings, IReadOnlyList<(string name, Parameter parameter)> parameters)
        {
            using var outside = NewDisposeScope();
            using var still = no_grad();
            (Kernel, var constants, var moments) = Rule(settings);
            Numbers = [.. constants.Select(c => c.ToScalar())];
            Largest = settings.ClipNorm?.ToScalar();
            Step = zeros(parameters.Count, dtype: ScalarType.Float32, device: parameters[0].parameter.device).DetachFromDisposeScope();
            Steps = [.. Enumerable.Range(0, parameters.Count).Select(i => Step[i].DetachFromDisposeScope())];
            First = Moments(moments.ElementAtOrDefault(0), parameters);
            Second = Moments(moments.ElementAtOrDefault(1), parameters);
            state["step"] = Step;
        }

        public string Kernel { get; }
        public Scalar[] Numbers { get; }                // the kernel's constants; made once, because each is a native object
        public Scalar? Largest { get; }                 // norm of the gradients; null for no clipping
        public Tensor Step { get; }                     // the counters in one vector, [parameters], so that one addition serves all
        public Tensor[] Steps { get; }                  // the same one by one, []
        public Tensor[] First { get; }                  // moments as the kernel takes them, [like the parameter]
        public Tensor[] Second { get; }
        public IReadOnlyDictionary<string, Tensor> State => state;

        public void Dispose()
        {
            foreach (var tensor in state.Values.Concat(Steps)) tensor.Dispose();
            foreach (var number in Numbers) number.Dispose();
            Largest?.Dispose();
        }

        private Tensor[] Moments(string? name, IReadOnlyList<(string name, Parameter parameter)> parameters) => name is null ? [] :
            [.. parameters.Select(p => state[$"{name}.{p.name}"] = zeros_like(p.parameter).DetachFromDisposeScope())];   // zeros_like keeps the strides
    }
}
