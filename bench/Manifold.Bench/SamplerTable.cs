using System.Diagnostics;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Drawing from models of order: the whole network once for each pixel, and the samplers that keep what they know.</summary>
internal static class SamplerTable
{
    private static readonly IReadOnlyList<(string Name, Func<IAutoregressive> Make, int[] Counts)> models =
    [
        ("gated-pixelcnn, 16 channels, 5 layers, 28 x 28", () => new GatedPixelCnn(new PictureShape(1, 28, 28), new GatedPixelCnnSettings { Layers = 4 }), [16, 1, 64]),      // five with the first
        ("pixelcnn, 32 channels, 6 blocks, 28 x 28", () => new PixelCnn(new PictureShape(1, 28, 28), new()), [16, 1]),
        ("pixelcnn-pp, 24 filters, 1 block, 32 x 32 colour", () => new PixelCnnPlus(new PictureShape(3, 32, 32), new()), [16, 1]),
        ("made, 500 500, 28 x 28", () => new Made(new PictureShape(1, 28, 28), new MadeSettings { Hidden = [500, 500] }), [16, 1]),
    ];

    public static void Print()
    {
        var peak = Machine.MatrixPeak;
        Console.WriteLine($"{get_num_threads()} threads; lanes: {System.Numerics.Vector<float>.Count}, or {System.Runtime.Intrinsics.Vector512<float>.Count} where there are pictures enough and AVX-512 ({System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated}); peak of a matrix product: {peak:F0} GFLOP/s. Of the cached sampler: floating-point operations, and the share of the peak.");
        Console.WriteLine($"{"",-54}{"pictures",9}{"slow, ms",11}{"cached, ms",11}{"ratio",7}{"differ",7}{"GFLOP",8}{"GFLOP/s",9}{"share",7}");
        foreach (var (name, make, counts) in models)
        {
            manual_seed(0);
            var model = make();
            ((nn.Module)model).eval();
            foreach (var count in counts) Line(name, model, count, peak);
        }
    }

    private static void Line(string name, IAutoregressive model, int count, double peak)
    {
        var u = Ancestral.Uniforms(model, Enumerable.Range(0, count).Select(seed => (long)seed));
        var cached = new List<double>();
        Tensor? quick = null, naive = null;
        for (var i = 0; i < 3; i++) Cached.Draw(model, u).Dispose();                                             // compiled in tiers
        for (var i = 0; i < 15; i++) cached.Add(Ms(() => quick = Cached.Draw(model, u)));
        var slow = Ms(() => naive = Ancestral.Draw(model, u));
        for (var i = 0; i < 15; i++) cached.Add(Ms(() => quick = Cached.Draw(model, u)));                        // before and after, on a machine whose speed moves
        cached.Sort();
        var median = cached[cached.Count / 2];
        var flops = 2.0 * Cached.MultiplyAdds(model) * count;
        Console.WriteLine($"{name,-54}{count,9}{slow,11:F0}{median,11:F1}{slow / median,7:F0}{(naive! - quick!).count_nonzero().item<long>(),7}{flops / 1e9,8:F2}{flops / median / 1e6,9:F1}{flops / median / 1e6 / peak,7:P0}");
    }

    private static double Ms(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalMilliseconds;
    }
}
