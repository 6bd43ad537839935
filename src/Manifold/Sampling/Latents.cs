using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Codes to decode: drawn from the prior by seed, along a line, or spread over the prior's square.</summary>
public static class Latents
{
    /// <summary>One code for each seed, [N, D], drawn from N(0, I). A seed means the same code whatever the others, the batch and the device.</summary>
    public static Tensor FromSeeds(IEnumerable<long> seeds, long latentDim) => Noise.Normal(seeds, latentDim);

    /// <summary>One code for each seed, of the model's own prior.</summary>
    public static Tensor FromSeeds(IEnumerable<long> seeds, IDecoder model) => model.Prior.FromNormal(FromSeeds(seeds, model.LatentDim));

    /// <summary>One picture for each seed, [N, C, H, W], as the grid of a run shows them; a model with classes goes through them in turn.</summary>
    /// <param name="draw">Whether pixels are drawn from p(x|z), and not its mean.</param>
    /// <param name="only">The one class of all pictures; each in turn if null.</param>
    /// <param name="truncation">Codes are drawn from the part of the prior within so many deviations; all of it if null.</param>
    public static Tensor Pictures(IDecoder model, IReadOnlyList<long> seeds, Device device, bool draw = false, int? only = null, double? truncation = null)
    {
        using var scope = NewDisposeScope();
        var eps = FromSeeds(seeds, model.LatentDim);
        var z = model.Prior.FromNormal(truncation is { } reach ? Truncated(eps, reach) : eps).to(device);   // [N, D]
        var condition = model.Classes == 0 ? null : Condition.OneHot(tensor(seeds.Select(seed => only ?? seed % model.Classes).ToArray()), model.Classes)!.to(device);
        return (draw ? model.Draw(z, seeds, condition) : model.Decode(z, condition)).MoveToOuterDisposeScope();
    }

    /// <summary>Normal numbers of those within reach alone: each goes where as much probability lies below it. A seed's code changes little where it was near the middle.</summary>
    /// <remarks>What BigGAN's truncation trick draws by throwing away: Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3.1. Fewer kinds and, there, better ones; those of a small DCGAN were worse (docs/results).</remarks>
    /// <exception cref="ArgumentOutOfRangeException">Reach is not above 0.</exception>
    public static Tensor Truncated(Tensor eps, double reach)
    {
        SettingChecks.NeedPositive(reach, "truncation");
        using var scope = NewDisposeScope();
        static Tensor Phi(Tensor x) => 0.5 * special.erfc(x * -Math.Sqrt(0.5));
        var least = Phi(tensor(-reach, ScalarType.Float64));
        var u = least + (1 - 2 * least) * Phi(eps.to_type(ScalarType.Float64));
        return InverseNormal(u).clamp(-reach, reach).to_type(eps.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Codes on the straight line between two, both ends included: [D] and [D] to [steps, D].</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than two steps.</exception>
    public static Tensor Line(Tensor from, Tensor to, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        var t = linspace(0, 1, steps, from.dtype, from.device).unsqueeze(1);   // [steps, 1]
        return from + t * (to - from);
    }

    /// <summary>Codes on the great arc between two, both ends included: [D] and [D] to [steps, D]. Their length goes evenly from one end's to the other's.</summary>
    /// <remarks>
    /// Shoemake 1985, "Animating rotation with quaternion curves", https://doi.org/10.1145/325334.325242, for the direction. Codes of many
    /// latents lie near a sphere, and the middle of a straight line is nearer to the origin than any of them. Codes in one line have no
    /// arc between them, and get the line.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than two steps.</exception>
    public static Tensor Arc(Tensor from, Tensor to, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        using var scope = NewDisposeScope();
        Tensor a = from.to_type(ScalarType.Float64), b = to.to_type(ScalarType.Float64);
        Tensor lengthA = a.norm(), lengthB = b.norm();
        var cosine = (a * b).sum() / (lengthA * lengthB);
        if (!(Math.Abs(cosine.item<double>()) < 1 - 1e-9)) return Line(from, to, steps).MoveToOuterDisposeScope();   // NaN where one is the origin

        var omega = cosine.acos();
        var t = linspace(0, 1, steps, ScalarType.Float64, from.device).unsqueeze(1);                         // [steps, 1]
        var direction = ((1 - t) * omega).sin() / omega.sin() * (a / lengthA) + (t * omega).sin() / omega.sin() * (b / lengthB);   // [steps, D]
        return ((lengthA + t * (lengthB - lengthA)) * direction).to_type(from.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>One code, and it again with one latent after another set to values from -reach to reach: [D] to [latents * steps, D], a latent a row of steps.</summary>
    /// <param name="latents">Which, in the order of the rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than two steps, or there is no such latent.</exception>
    public static Tensor Traversal(Tensor code, IReadOnlyList<int> latents, double reach, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        using var scope = NewDisposeScope();
        var values = linspace(-reach, reach, steps, code.dtype, code.device);                                // [steps]
        var rows = code.repeat(latents.Count, steps, 1);                                                     // [latents, steps, D]
        for (var row = 0; row < latents.Count; row++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(latents[row]);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(latents[row], code.shape[0]);
            rows[row, .., latents[row]] = values;
        }
        return rows.flatten(0, 1).MoveToOuterDisposeScope();
    }

    /// <summary>What each latent does to a picture as it goes from -reach to reach: the mean squared difference of the two ends, over some codes of the prior.</summary>
    /// <param name="reach">In standard deviations of a normal prior; of another prior the same shares of probability.</param>
    /// <returns>A number for each latent, in squared units of [0, 1].</returns>
    public static IReadOnlyList<double> Effects(IDecoder model, double reach, Device device, int codes = 8)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var eps = FromSeeds(Enumerable.Range(0, codes).Select(seed => (long)seed), model.LatentDim);           // [codes, D]
        var condition = model.Classes == 0 ? null : Condition.OneHot(arange(codes).remainder(model.Classes), model.Classes)!.to(device);
        return [.. Enumerable.Range(0, (int)model.LatentDim).Select(latent =>
        {
            using var step = NewDisposeScope();
            Tensor At(double value)
            {
                var moved = eps.clone();
                moved[.., latent] = value;
                return model.Decode(model.Prior.FromNormal(moved).to(device), condition);
            }
            return (double)(At(reach) - At(-reach)).square().mean().item<float>();
        })];
    }

    /// <summary>A square of 2-D codes at equal steps of probability: z = F^-1(u), u from 0.025 to 0.975 each way; [n*n, 2], row by row.</summary>
    /// <param name="prior">Whose distribution function F is; the normal one if null.</param>
    /// <remarks>Kingma and Welling 2014, appendix A: a uniform grid through the prior's inverse distribution function.</remarks>
    public static Tensor Sheet(int n, Prior? prior = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 2);
        var z = (prior ?? Prior.Normal).FromNormal(InverseNormal(linspace(0.025, 0.975, n, ScalarType.Float64))).to_type(ScalarType.Float32);   // [n]
        return stack([z.repeat(n), z.flip(0).repeat_interleave(n)], 1);        // first code left to right, second bottom to top
    }

    /// <summary>Phi^-1(u) = sqrt(2) erf^-1(2u - 1).</summary>
    public static Tensor InverseNormal(Tensor u) => Math.Sqrt(2) * (2 * u - 1).erfinv();
}
