using Manifold.Engine;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>How much faster convolutions are with the channels of a pixel side by side: a training step, and a step that samples.</summary>
internal static class FormatTable
{
    public static void Print()
    {
        Console.WriteLine($"{"",-10}{"format",-16}{"train ms",10}{"forward ms",12}");
        foreach (var name in new[] { "conv", "conv-wide" })
        {
            var nets = new[] { Net.Named(name), Net.Named(name) };
            nets[1].Module.ToChannelsLast();
            var train = Stopwatches.InTurn([.. nets.Select(Training)]);
            var forward = Stopwatches.InTurn([.. nets.Select(Forward)]);
            for (var i = 0; i < nets.Length; i++) Console.WriteLine($"{name,-10}{(i == 0 ? "contiguous" : "channels_last"),-16}{train[i],10:F3}{forward[i],12:F3}");
        }
    }

    private static Action Training(Net net)
    {
        var optimizer = Optimizer.Create(new(), net.Parameters);
        return OptimizerTable.Whole(net, optimizer.ZeroGrad, () => optimizer.Step(1e-4));
    }

    private static Action Forward(Net net) => () =>
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        net.Module.call(net.X);
    };
}
