using Manifold.Engine;
using Manifold.Objectives;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Everything that can be measured, by name.</summary>
internal static class Rows
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("matmul", "768 x 768 x 768, float32", MatMul, new("matmul.py")),
        new("mlp-vae-step", "VAE 784-400-20, batch 128, Adam", VaeBench.Step, new("mlp_vae_step.py")),
        new("mlp-vae-training", "the same with everything around it: bundled data, coins, prefetch, averages", VaeBench.Training, null),
        .. from layout in new[] { "default", "channels_last" }
           select new Row($"conv-vae-step-vs-{layout}", "VAE with PixelVAE's convolutions, batch 64, Adam", VaeBench.ConvStep, new("conv_vae_step.py", layout)),
        .. from layout in new[] { "default", "channels_last" }
           from row in new Row[]
           {
               new($"gated-pixelcnn-step-vs-{layout}", "gated PixelCNN, 16 channels, 6 layers, 28 x 28, batch 64, Adam", OrderBench.Gated, new("gated_pixelcnn_step.py", layout)),
               new($"pixelcnn-pp-step-vs-{layout}", "PixelCNN++, 24 filters, 32 x 32 in colour, batch 16, Adam", OrderBench.Plus, new("pixelcnn_pp_step.py", layout)),
           }
           select row,
        .. from game in new[] { GameKind.NonSaturating, GameKind.WassersteinGp }
           from layout in new[] { "default", "channels_last" }
           let isGp = game == GameKind.WassersteinGp
           select new Row($"{(isGp ? "wgan-gp" : "dcgan")}-step-vs-{layout}", $"DCGAN's networks, 64 x 64 in colour, width 64, batch 32, {(isGp ? "Wasserstein with a gradient penalty" : "non-saturating")}, one update of each", () => GanBench.Step(game), new("dcgan_step.py", layout, isGp ? "wasserstein_gp" : "non_saturating")),
        .. from net in new[] { "mlp", "conv", "small" }
           from adam in new[] { "default", "fused" }
           select new Row($"optimizer-{net}-vs-{adam}", $"training step of the {net} network with Adam", () => Optimized(net), new("optimizers.py", net, adam)),
    ];

    /// <summary>Measurements of our own ways against each other, behind the decisions in docs/decisions.</summary>
    public static IReadOnlyDictionary<string, Action> Tables { get; } = new Dictionary<string, Action>
    {
        ["optimizers"] = OptimizerTable.Print,
        ["formats"] = FormatTable.Print,
        ["order-profile"] = OrderProfile.Print,
        ["profile"] = ProfileTable.Print,
        ["samplers"] = SamplerTable.Print,
        ["waits"] = WaitTable.Print,
        ["waits-child"] = WaitTable.PrintChild,
    };

    private static Work MatMul()
    {
        const int n = 768;
        Tensor a = ones(n, n), b = ones(n, n);
        return new(() => a.mm(b).Dispose(), 2.0 * n * n * n);
    }

    private static Work Optimized(string name)
    {
        var net = Net.Named(name);
        var optimizer = Optimizer.Create(new(), net.Parameters);
        return new(OptimizerTable.Whole(net, optimizer.ZeroGrad, () => optimizer.Step(1e-4)));
    }
}
