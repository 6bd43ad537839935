using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>p(z): independent latents of one standard law. All results are per latent, in nats.</summary>
public abstract class Prior
{
    /// <summary>N(0, 1).</summary>
    public static readonly Prior Normal = new NormalPrior();

    /// <summary>exp(-|z|) / 2.</summary>
    public static readonly Prior Laplace = new LaplacePrior();

    /// <summary>Uniform on [0, 1], a cube of all latents.</summary>
    public static readonly Prior Cube = new CubePrior();

    /// <summary>Uniform on [-1, 1], a cube about the origin: what the first adversarial models drew from.</summary>
    public static readonly Prior SignedCube = new SignedCubePrior();

    /// <summary>Whether codes lie about the origin with a length that says how likely they are, so that an arc between two keeps what a line loses.</summary>
    public bool IsRound => Sides is null;

    /// <summary>The least and the most that a latent can be, where its law ends; null where it has no end.</summary>
    public virtual (double Least, double Most)? Sides => null;

    /// <summary>log p(z_j) of each latent.</summary>
    public abstract Tensor LogDensity(Tensor z);

    /// <summary>Codes of this law made of standard normal ones, each latent through its own distribution function; so a seed draws one code from every prior.</summary>
    public abstract Tensor FromNormal(Tensor eps);

    /// <summary>KL( mu + sigma eps || prior ) of each latent, [B, D]; null where there is no closed form, or it is infinite.</summary>
    internal abstract Tensor? Kl(LocationScale family, Tensor mu, Tensor logSigma);

    private static Tensor Phi(Tensor eps) => 0.5 * special.erfc(eps * -Math.Sqrt(0.5));

    private sealed class NormalPrior : Prior
    {
        private static readonly double Log2Pi = Math.Log(2 * Math.PI);

        public override Tensor LogDensity(Tensor z) => (z.square() + Log2Pi) * -0.5;
        public override Tensor FromNormal(Tensor eps) => eps;

        // -H(q) - E_q log p = -H - log sigma + (log 2 pi + mu^2 + sigma^2 E eps^2) / 2
        internal override Tensor Kl(LocationScale family, Tensor mu, Tensor logSigma) =>
            ReferenceEquals(family, LocationScale.Normal)
                ? Gaussian.KlToStandard(mu, 2 * logSigma)
                : 0.5 * (mu.square() + (2 * logSigma).exp() * family.MeanSquare) - logSigma + (0.5 * Log2Pi - family.Entropy);
    }

    private sealed class LaplacePrior : Prior
    {
        public override Tensor LogDensity(Tensor z) => -(z.abs() + Math.Log(2));

        // F^-1(Phi(eps)) = sign(eps) (-ln 2 Phi(-|eps|)): the far tail of both keeps its digits.
        public override Tensor FromNormal(Tensor eps) => eps.sign() * -(2 * Phi(-eps.abs())).log();

        // -H(q) - E_q log p = -H - log sigma + log 2 + sigma E|mu / sigma + eps|
        internal override Tensor? Kl(LocationScale family, Tensor mu, Tensor logSigma) =>
            family.MeanAbsolute(mu * (-logSigma).exp()) is { } mean ? logSigma.exp() * mean - logSigma + (Math.Log(2) - family.Entropy) : null;
    }

    private sealed class CubePrior : Prior
    {
        public override (double Least, double Most)? Sides => (0, 1);

        // Zero inside. Codes outside have no density; a sigmoid never leaves, so none are looked for.
        public override Tensor LogDensity(Tensor z) => zeros_like(z);
        public override Tensor FromNormal(Tensor eps) => Phi(eps);
        internal override Tensor? Kl(LocationScale family, Tensor mu, Tensor logSigma) => null;
    }
    private sealed class SignedCubePrior : Prior
    {
        public override (double Least, double Most)? Sides => (-1, 1);
        public override Tensor LogDensity(Tensor z) => full_like(z, -Math.Log(2));
        public override Tensor FromNormal(Tensor eps) => 2 * Phi(eps) - 1;
        internal override Tensor? Kl(LocationScale family, Tensor mu, Tensor logSigma) => null;
    }
}
