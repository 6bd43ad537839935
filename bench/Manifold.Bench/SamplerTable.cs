using System.Diagnostics;
using Manifold.Data;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Drawing from models of order: the whole network once for each pixel, and the sampler that keeps what it knows.</summary>
internal static class SamplerTable
{
    public static void Print()
    {
        manual_seed(0);
        var model = new GatedPixelCnn(new PictureShape(1, 28, 28), new GatedPixelCnnSettings { Layers = 4 });      // five with the first
        model.eval();
        Console.WriteLine($"{"gated PixelCNN, 16 channels, 5 layers, 28 x 28",-50}{"slow, ms",12}{"cached, ms",12}{"ratio",8}");
        foreach (var count in new[] { 16, 1, 64 })
        {
            var u = Ancestral.Uniforms(model, Enumerable.Range(0, count).Select(seed => (long)seed));
            var cached = new List<double>();
            Tensor? quick = null;
            for (var i = 0; i < 3; i++) Cached.Draw(model, u).Dispose();                                          // compiled in tiers
            for (var i = 0; i < 15; i++) cached.Add(Ms(() => quick = Cached.Draw(model, u)));
            Tensor? naive = null;
            var slow = Ms(() => naive = Ancestral.Draw(model, u));
            for (var i = 0; i < 15; i++) cached.Add(Ms(() => quick = Cached.Draw(model, u)));                     // before and after, on a machine whose speed moves
            cached.Sort();
            var median = cached[cached.Count / 2];
            Console.WriteLine($"{$"{count} pictures, {get_num_threads()} threads, values that differ: {(naive! - quick!).count_nonzero().item<long>()}",-50}{slow,12:F0}{median,12:F1}{slow / median,8:F0}");
        }
    }

    private static double Ms(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalMilliseconds;
    }
}
