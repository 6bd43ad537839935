using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>
/// A law of the reals that can be moved and stretched: z = mu + sigma eps, eps of the standard law. Every such family can be
/// reparameterized; gradients reach mu and sigma through z. All results are per value, in nats.
/// </summary>
/// <remarks>Kingma and Welling 2014, section 2.4, second approach.</remarks>
public abstract class LocationScale
{
    private protected static readonly double Log2Pi = Math.Log(2 * Math.PI);

    public static readonly LocationScale Normal = new NormalFamily();
    public static readonly LocationScale Laplace = new LaplaceFamily();
    public static readonly LocationScale Logistic = new LogisticFamily();

    /// <summary>Student's t with so many degrees of freedom, which are fixed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">nu is 2 or less: there is no variance then.</exception>
    public static LocationScale StudentT(double nu) => new StudentTFamily(nu);

    /// <summary>Draws of the standard law.</summary>
    public abstract Tensor Noise(ReadOnlySpan<long> shape, ScalarType dtype, Device device);

    /// <summary>log density of the standard law at eps, of each value.</summary>
    public abstract Tensor LogDensity(Tensor eps);

    /// <summary>Entropy of the standard law.</summary>
    public abstract double Entropy { get; }

    /// <summary>E[eps^2] of the standard law.</summary>
    public abstract double MeanSquare { get; }

    /// <summary>E|m + eps| of each value m; null where there is no closed form.</summary>
    public virtual Tensor? MeanAbsolute(Tensor m) => null;

    // Uniform on (0, 1]: a logarithm of it is finite.
    private protected static Tensor Uniform(ReadOnlySpan<long> shape, ScalarType dtype, Device device) => 1 - rand(shape, dtype: dtype, device: device);

    private sealed class NormalFamily : LocationScale
    {
        public override Tensor Noise(ReadOnlySpan<long> shape, ScalarType dtype, Device device) => randn(shape, dtype: dtype, device: device);
        public override Tensor LogDensity(Tensor eps) => (eps.square() + Log2Pi) * -0.5;
        public override double Entropy => 0.5 * (Log2Pi + 1);
        public override double MeanSquare => 1;

        public override Tensor MeanAbsolute(Tensor m) =>                                   // the folded normal's mean
            Math.Sqrt(2 / Math.PI) * (m.square() * -0.5).exp() + m * special.erf(m * Math.Sqrt(0.5));
    }

    private sealed class LaplaceFamily : LocationScale
    {
        public override Tensor Noise(ReadOnlySpan<long> shape, ScalarType dtype, Device device) =>
            Uniform(shape, dtype, device).log() - Uniform(shape, dtype, device).log();     // the difference of two exponentials
        public override Tensor LogDensity(Tensor eps) => -(eps.abs() + Math.Log(2));
        public override double Entropy => 1 + Math.Log(2);
        public override double MeanSquare => 2;
        public override Tensor MeanAbsolute(Tensor m) => m.abs() + (-m.abs()).exp();
    }

    private sealed class LogisticFamily : LocationScale
    {
        public override Tensor Noise(ReadOnlySpan<long> shape, ScalarType dtype, Device device)
        {
            var tiny = dtype == ScalarType.Float64 ? 1.0 / (1L << 53) : 1.0 / (1L << 24);
            return Uniform(shape, dtype, device).clamp(tiny, 1 - tiny).logit();            // the inverse of its distribution function
        }

        public override Tensor LogDensity(Tensor eps) => -eps - 2 * nn.functional.softplus(-eps);
        public override double Entropy => 2;
        public override double MeanSquare => Math.PI * Math.PI / 3;
        public override Tensor MeanAbsolute(Tensor m) => m.abs() + 2 * (-m.abs()).exp().log1p();   // 2 ln(2 cosh(m / 2)), without overflow
    }

    private sealed class StudentTFamily : LocationScale
    {
        private readonly double nu;
        private readonly double logNorm;       // minus the log of the density's constant

        public StudentTFamily(double nu)
        {
            if (!(nu > 2)) throw new ArgumentOutOfRangeException(nameof(nu), nu, "nu needs to be above 2; with 2 degrees of freedom or fewer Student's t has no variance.");
            this.nu = nu;
            using var scope = NewDisposeScope();
            static Tensor Of(double x) => tensor(x, ScalarType.Float64);
            logNorm = (Of(nu / 2).lgamma() - Of((nu + 1) / 2).lgamma()).item<double>() + 0.5 * Math.Log(nu * Math.PI);
            Entropy = (nu + 1) / 2 * (Of((nu + 1) / 2).digamma() - Of(nu / 2).digamma()).item<double>() + logNorm;
        }

        // Bailey 1994, "Polar generation of random variates with the t-distribution", https://doi.org/10.1090/S0025-5718-1994-1219703-3
        public override Tensor Noise(ReadOnlySpan<long> shape, ScalarType dtype, Device device) =>
            (nu * (Uniform(shape, dtype, device).pow(-2 / nu) - 1)).sqrt() * (Uniform(shape, dtype, device) * (2 * Math.PI)).cos();

        public override Tensor LogDensity(Tensor eps) => (eps.square() / nu).log1p() * (-(nu + 1) / 2) - logNorm;
        public override double Entropy { get; }
        public override double MeanSquare => nu / (nu - 2);
    }
}
