using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>The measurement behind docs/decisions/0002-optimizers.md: three ways to take Adam's step, on three networks.</summary>
internal static class OptimizerTable
{
    private static readonly jit.CompilationUnit kernel = jit.compile("""
        def adam(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor], rate: float):
            torch._foreach_add_(t, 1.0)
            torch._fused_adam_(p, g, m, v, [], t, lr=rate, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False)

        """ + "\n");

    public static void Print()
    {
        Console.WriteLine($"{"",-8}{"way",-12}{"optimizer ms",14}{"whole step ms",15}");
        foreach (var name in new[] { "mlp", "conv", "small" })
        {
            (string Way, Action Zero, Action Step, Net Net)[] ways = [Lists(name), Flat(name), BuiltIn(name)];
            foreach (var way in ways) way.Net.Loss().backward();   // gradients to step by
            var alone = Stopwatches.InTurn([.. ways.Select(way => way.Step)]);
            var whole = Stopwatches.InTurn([.. ways.Select(way => Whole(way.Net, way.Zero, way.Step))]);
            for (var i = 0; i < ways.Length; i++) Console.WriteLine($"{name,-8}{ways[i].Way,-12}{alone[i],14:F3}{whole[i],15:F3}");
        }
    }

    public static Action Whole(Net net, Action zero, Action step) => () =>
    {
        using var scope = NewDisposeScope();
        zero();
        net.Loss().backward();
        step();
    };

    private static (string, Action, Action, Net) Lists(string name)
    {
        var net = Net.Named(name);
        var optimizer = Optimizer.Create(new() { LearningRate = 1e-4 }, net.Parameters);
        return ("lists", optimizer.ZeroGrad, () => optimizer.Step(1e-4), net);
    }

    private static (string, Action, Action, Net) BuiltIn(string name)
    {
        var net = Net.Named(name);
        var optimizer = optim.Adam(net.Module.parameters(), 1e-4);
        return ("built-in", () => optimizer.zero_grad(), () => { using var scope = NewDisposeScope(); optimizer.step(); }, net);
    }

    // Parameters and gradients are views of two vectors, so that one call on one tensor serves the whole network.
    private static (string, Action, Action, Net) Flat(string name)
    {
        var net = Net.Named(name);
        var size = net.Parameters.Sum(p => p.parameter.numel());
        Tensor weights = zeros(size), gradients = zeros(size), mean = zeros(size), square = zeros(size), count = zeros([]);
        long at = 0;
        foreach (var (_, p) in net.Parameters)
        {
            using var still = no_grad();
            var view = weights.narrow(0, at, p.numel()).view(p.shape);
            view.copy_(p);
            p.set_(view);
            p.grad = gradients.narrow(0, at, p.numel()).view(p.shape);
            at += p.numel();
        }
        var rate = 1e-4.ToScalar();
        return ("flat", () => gradients.zero_(), () =>
        {
            using var still = no_grad();
            kernel.invoke("adam", new[] { weights }, new[] { gradients }, new[] { mean }, new[] { square }, new[] { count }, rate);
        }, net);
    }
}
