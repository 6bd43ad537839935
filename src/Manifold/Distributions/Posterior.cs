using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>q(z|x) of a batch, made of an encoder's outputs. Every density is per latent, in nats; their sum over latents is log q(z|x).</summary>
public abstract class Posterior
{
    /// <summary>The code that stands for the picture: the posterior's middle, [B, D].</summary>
    public abstract Tensor Code { get; }

    /// <summary>The noise that draws are made of: [B, D], or [K, B, D]; one independent value for each value drawn.</summary>
    public abstract Tensor Noise(int? k = null);

    /// <summary>The draw that this noise makes; gradients reach the encoder through it.</summary>
    public abstract Tensor Sample(Tensor eps);

    /// <summary>log q of each latent at z, [B, D] or [K, B, D]; of a latent given those before it where they are correlated.</summary>
    public abstract Tensor LogDensity(Tensor z);

    /// <summary>Entropy of each latent, [B, D] (given those before it where they are correlated); null where there is no closed form.</summary>
    public abstract Tensor? Entropy { get; }

    /// <summary>KL( q(z|x) || p(z) ) of each latent, [B, D]; null where there is no closed form.</summary>
    public abstract Tensor? Kl(Prior prior);

    private static long[] Shape(Tensor like, int? k) => k is { } samples ? [samples, .. like.shape] : like.shape;

    /// <summary>Independent latents of one family.</summary>
    /// <param name="mu">[B, D].</param>
    /// <param name="logvar">Twice the log of the scale, [B, D]; for the normal family the log of the variance.</param>
    public sealed class Diagonal(LocationScale family, Tensor mu, Tensor logvar) : Posterior
    {
        private readonly Tensor logSigma = logvar * 0.5;

        public Tensor Logvar => logvar;
        public override Tensor Code => mu;
        public override Tensor Noise(int? k = null) => family.Noise(Shape(mu, k), mu.dtype, mu.device);
        public override Tensor Sample(Tensor eps) => mu + logSigma.exp() * eps;                               // z = mu + sigma eps
        public override Tensor LogDensity(Tensor z) => family.LogDensity((z - mu) * (-logSigma).exp()) - logSigma;
        public override Tensor Entropy => logSigma + family.Entropy;
        public override Tensor? Kl(Prior prior) => prior.Kl(family, mu, logSigma);
    }

    /// <summary>A normal posterior with every covariance: z = mu + L eps, L lower triangular.</summary>
    /// <param name="mu">[B, D].</param>
    /// <param name="logvar">Twice the log of L's diagonal, [B, D].</param>
    /// <param name="below">What lies below L's diagonal, row by row, [B, D (D - 1) / 2].</param>
    public sealed class FullNormal(Tensor mu, Tensor logvar, Tensor below) : Posterior
    {
        private readonly Tensor factor = Triangular(logvar, below);                                           // L: [B, D, D]

        public override Tensor Code => mu;
        public override Tensor Noise(int? k = null) => LocationScale.Normal.Noise(Shape(mu, k), mu.dtype, mu.device);
        public override Tensor Sample(Tensor eps) => mu + (eps.dim() == 2 ? einsum("bij,bj->bi", factor, eps) : einsum("bij,kbj->kbi", factor, eps));   // mu + L eps
        public override Tensor Entropy => logvar * 0.5 + LocationScale.Normal.Entropy;

        // eps = L^-1 (z - mu), and log det L is the sum of its diagonal's logs.
        public override Tensor LogDensity(Tensor z)
        {
            var eps = linalg.solve_triangular(factor, (z - mu).unsqueeze(-1), upper: false).squeeze(-1);      // [(K,) B, D]
            return LocationScale.Normal.LogDensity(eps) - logvar * 0.5;
        }

        // Every latent's own law is N(mu_j, sum_k L_jk^2), and a prior of independent latents asks for no more; the entropy is the diagonal's.
        public override Tensor? Kl(Prior prior)
        {
            var logDeviation = 0.5 * factor.square().sum(-1).log();                                           // [B, D]
            return prior.Kl(LocationScale.Normal, mu, logDeviation) is { } kl ? kl + logDeviation - logvar * 0.5 : null;
        }

        private static Tensor Triangular(Tensor logvar, Tensor below)
        {
            var d = logvar.shape[1];
            var places = new long[d * d];                                                                     // 0 a zero, n the n-th number below the diagonal
            for (long row = 0, n = 0; row < d; row++)
                for (long column = 0; column < row; column++) places[row * d + column] = ++n;
            var lower = cat([zeros_like(logvar[.., ..1]), below], 1).index_select(1, tensor(places, device: logvar.device)).view(-1, d, d);
            return lower + diag_embed((logvar * 0.5).exp());
        }
    }

    /// <summary>A location-scale draw pressed into the cube by a sigmoid, so that its KL to the uniform cube is finite.</summary>
    public sealed class Squashed(LocationScale family, Tensor mu, Tensor logvar) : Posterior
    {
        private readonly Diagonal inner = new(family, mu, logvar);

        public override Tensor Code => mu.sigmoid();                                                          // the median
        public override Tensor Noise(int? k = null) => inner.Noise(k);
        public override Tensor Sample(Tensor eps) => inner.Sample(eps).sigmoid();
        public override Tensor? Entropy => null;
        public override Tensor? Kl(Prior prior) => null;

        // log q(z) = log q(y) - log(dz/dy), y = logit z, dz/dy = z (1 - z)
        public override Tensor LogDensity(Tensor z)
        {
            var inside = z.clamp(z.dtype == ScalarType.Float64 ? 1e-15 : 1e-7, z.dtype == ScalarType.Float64 ? 1 - 1e-15 : 1 - 1.2e-7);   // a sigmoid rounds to 0 and 1
            return inner.LogDensity(inside.logit()) - inside.log() - (-inside).log1p();
        }
    }
}
