// The same gradient by three estimators, and how much each scatters: dotnet run -c Release --project samples/Gradients -- gradient-variance.svg
//
// d/d(encoder) E_q[log p(x|z)] of an untrained VAE on a hundred bundled pictures, 200 draws of the noise for each estimator and number
// of latents; the variance is per weight of the encoder's last layer, averaged over its weights. Seed 0.

using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Pictures;
using TorchSharp;
using static TorchSharp.torch;

Native.Load();
const int tries = 200;
var batch = DataSet.Open(new DataSettings { Binarize = Binarization.Fixed }).Train.InOrder(0, 100, PixelRange.Unit);
var estimators = new (string Name, Func<Vae, ElboTerms> Terms)[]
{
    ("score function", vae => vae.ScoreFunctionElbo(batch, baseline: false)),
    ("score, with baseline", vae => vae.ScoreFunctionElbo(batch, baseline: true)),
    ("reparameterized", vae => vae.Elbo(batch)),
};
var lines = estimators.Select(estimator => new Series(estimator.Name, [.. new[] { 1, 2, 5, 10, 20, 50 }.Select(latents => ((double)latents, Variance(estimator.Terms, latents)))])).ToList();
foreach (var line in lines) Console.WriteLine($"{line.Name,-22}{string.Join("  ", line.Points.Select(point => $"{point.Y:E2}"))}");
Console.WriteLine($"ratio to reparameterized: {string.Join("; ", lines.SkipLast(1).Select(line => $"{line.Name} {string.Join(" ", line.Points.Zip(lines[^1].Points, (a, b) => $"{a.Y / b.Y:F0}"))}"))}");
File.WriteAllText(args.Length > 0 ? args[0] : "gradient-variance.svg", LinePlot.LogLog("Scatter of three estimators of one gradient", "latents", "variance of a weight's gradient", lines));

static double Variance(Func<Vae, ElboTerms> terms, int latents)
{
    using var scope = NewDisposeScope();
    manual_seed(0);
    var vae = new Vae(new PictureShape(1, 28, 28), new VaeSettings { Hidden = [100], LatentDim = latents });
    var last = vae.named_parameters().Single(parameter => parameter.name == "encoder.2.weight").parameter;
    var gradients = new List<Tensor>();
    for (var i = 0; i < tries; i++)
    {
        using var inner = NewDisposeScope();
        vae.zero_grad();
        terms(vae).Nll.mean().backward();
        gradients.Add(last.grad!.clone().MoveToOuterDisposeScope());
    }
    return stack(gradients).var(0).mean().item<float>();
}
