using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Where the time of a step of `vae` goes: its matrix products alone, at peak and in their shapes, and its parts one on top of the other.</summary>
internal static class ProfileTable
{
    private const int B = 128;

    public static void Print()
    {
        manual_seed(0);
        var model = new Vae(new PictureShape(1, 28, 28), new VaeSettings());
        var batch = new Batch(full([B, 1, 28, 28], 0.3f).bernoulli());
        var optimizer = Optimizer.Create(new(), model.named_parameters());
        (string Name, Action Step)[] parts =
        [
            ("768 x 768 x 768 matrix product", Peak()),
            ("the step's 11 products, in their shapes", Products()),
            ("forward, without gradients", Scoped(() => { using var still = no_grad(); model.Elbo(batch).Nll.mean(); })),
            ("forward", Scoped(() => model.Elbo(batch).Nll.mean())),
            ("forward and backward", Scoped(() => { optimizer.ZeroGrad(); model.Elbo(batch).Nll.mean().backward(); })),
            ("forward, backward and Adam", Scoped(() => { optimizer.ZeroGrad(); model.Elbo(batch).Nll.mean().backward(); optimizer.Step(1e-4); })),
            ("the step, with the numbers that it reports", VaeBench.Step().Step),
        ];
        var times = Stopwatches.InTurn([.. parts.Select(part => part.Step)]);
        var peak = 2 * Math.Pow(768, 3) / times[0] / 1e6;
        Console.WriteLine($"peak {peak:F0} GFLOP/s; the step's products at peak: {VaeBench.StepFlops / peak / 1e6:F2} ms");
        for (var i = 0; i < parts.Length; i++) Console.WriteLine($"{parts[i].Name,-46}{times[i],8:F3} ms");
    }

    private static Action Scoped(Action step) => () =>
    {
        using var scope = NewDisposeScope();
        step();
    };

    private static Action Peak()
    {
        Tensor a = ones(768, 768), b = ones(768, 768);
        return () => a.mm(b).Dispose();
    }

    // Each layer forward, to its weights, and, but for the first, to its inputs.
    private static Action Products()
    {
        var products = new List<(Tensor, Tensor)>();
        foreach (var (from, to) in new[] { (784, 400), (400, 40), (20, 400), (400, 784) })
        {
            Tensor x = rand(B, from), w = rand(to, from), dy = rand(B, to);
            products.Add((x, w.t()));
            products.Add((dy.t(), x));
            if (from != 784) products.Add((dy, w));
        }
        return () =>
        {
            foreach (var (a, b) in products) a.mm(b).Dispose();
        };
    }
}
