using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using Bernoulli = Manifold.Distributions.Bernoulli;
using Categorical = Manifold.Distributions.Categorical;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>What a decoder says of a pixel.</summary>
public enum Likelihood
{
    /// <summary>A coin; pictures must be 0 or 1.</summary>
    Bernoulli,

    /// <summary>A normal density around a mean.</summary>
    Gaussian,

    /// <summary>A logistic cut at the borders of 256 bins, or as many as there are levels.</summary>
    DiscretizedLogistic,

    /// <summary>Several such logistics, with colours that move together.</summary>
    LogisticMixture,

    /// <summary>A probability for each value.</summary>
    Categorical,
}

/// <summary>Where the width of a Gaussian or a discretized logistic comes from.</summary>
public enum Spread
{
    /// <summary>From the settings, and it stays.</summary>
    Fixed,

    /// <summary>One number for all pixels, learned with the weights.</summary>
    Learned,

    /// <summary>One for each pixel, given by the decoder.</summary>
    EachPixel,
}

/// <summary>Settings of <see cref="PixelLikelihood"/>.</summary>
public sealed record LikelihoodSettings
{
    public Likelihood Kind { get; init; } = Likelihood.Bernoulli;
    public Spread Spread { get; init; } = Spread.Learned;                    // Gaussian and discretized logistic: where a pixel's width comes from
    public double Sigma { get; init; } = 0.1;                                // the same: standard deviation of a pixel, in units of [0, 1]; where it starts if learned
    public bool SquashMean { get; init; } = true;                            // the same: whether the mean passes a sigmoid, which keeps it in [0, 1]
    public int Components { get; init; } = 10;                               // mixture: K
    public int Levels { get; init; } = 256;                                  // values of a pixel, but for coins and densities; as many as data.levels

    /// <exception cref="ArgumentOutOfRangeException">Sigma or the number of components is not positive.</exception>
    public LikelihoodSettings Validated(string path)
    {
        SettingChecks.Need(Sigma is >= 1e-6 and <= 1e6, $"{path}.sigma", Sigma, "1e-6 to 1e6");   // its square and the inverse of that are float32 numbers
        SettingChecks.NeedPositive(Components, $"{path}.components");
        SettingChecks.Need(Levels is >= 2 and <= 256, $"{path}.levels", Levels, "2 to 256");
        return this;
    }

    /// <summary>Whether it gives probabilities, and not densities.</summary>
    public bool IsDiscrete => Kind != Likelihood.Gaussian;
}

/// <summary>p(x|z): what the numbers that a decoder gives for each pixel mean. Pictures are in [0, 1]; of L levels, value k is k / (L - 1).</summary>
public abstract class PixelLikelihood(string name, PictureShape shape) : nn.Module(name)
{
    /// <summary>Numbers for each pixel that the decoder must give.</summary>
    public abstract long Outputs { get; }

    /// <summary>log p(x|z), nats.</summary>
    /// <param name="x">[B, C, H, W] in [0, 1].</param>
    /// <param name="outputs">[B, Outputs, H, W], or [K, B, Outputs, H, W].</param>
    /// <returns>[B], or [K, B].</returns>
    public abstract Tensor LogProb(Tensor x, Tensor outputs);

    /// <summary>Whether the channels of a pixel come out of one draw; where they do not, a model of order must have one after the other.</summary>
    public virtual bool DrawsPixels => false;

    /// <summary>log p of each pixel, its channels together, nats: [B, H, W]. For probabilities, not densities.</summary>
    public virtual Tensor LogProbOfPixels(Tensor x, Tensor outputs) => throw new NotSupportedException($"{GetName()} gives no probabilities.");

    /// <summary>The numbers of the law that is the mean of M laws; for coins and categories.</summary>
    /// <param name="outputs">[M, B, Outputs, H, W].</param>
    public virtual Tensor Averaged(Tensor outputs) => throw new NotSupportedException($"{GetName()} has no numbers for the mean of several laws.");

    /// <summary>The same for one pixel.</summary>
    /// <param name="outputs">[M, Outputs].</param>
    /// <param name="mean">[Outputs], filled.</param>
    public virtual void Average(ReadOnlySpan<double> outputs, Span<double> mean) => throw new NotSupportedException($"{GetName()} has no numbers for the mean of several laws.");

    /// <summary>The mean picture, [B, Outputs, H, W] to [B, C, H, W] in [0, 1].</summary>
    public abstract Tensor Mean(Tensor outputs);

    /// <summary>Uniform numbers that a draw takes for each pixel.</summary>
    public virtual long Uniforms => shape.Channels;

    /// <summary>A drawn picture.</summary>
    /// <param name="u">Uniform on (0, 1), [B, Uniforms, H, W].</param>
    /// <param name="temperature">1 for the law itself; below it for what is likelier: logits are divided by it, widths multiplied with it.</param>
    /// <returns>[B, C, H, W] in [0, 1], or points.</returns>
    public abstract Tensor Draw(Tensor outputs, Tensor u, double temperature = 1);

    /// <summary>The same for one pixel: by numbers, for those who draw a pixel at a time.</summary>
    /// <param name="outputs">[Outputs].</param>
    /// <param name="u">[Uniforms].</param>
    /// <param name="x">[C], filled.</param>
    public abstract void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature);

    /// <summary>Where a decoder's last layer should start, so that the first steps are not spent on undoing chance: its bias for each output of a pixel, [Outputs], and the share of its weights; null to leave it.</summary>
    public virtual (Tensor Bias, double Share)? Start => null;

    /// <summary>What a decoder's outputs should be on average before the first step, where zero is far from these pictures: [Outputs]; null to leave them.</summary>
    /// <param name="x">The first pictures, [B, C, H, W] in [0, 1].</param>
    public virtual Tensor? StartFor(Tensor x) => null;

    protected PictureShape Shape => shape;

    public static PixelLikelihood Create(PictureShape shape, LikelihoodSettings settings) => settings.Kind switch
    {
        Likelihood.Bernoulli => new Coins(shape),
        Likelihood.Gaussian => new Density(shape, settings),
        Likelihood.DiscretizedLogistic => new Bins(shape, settings),
        Likelihood.LogisticMixture => new Mixture(shape, settings),
        _ => new Values(shape, settings),
    };

    private static double MinusOneToOne(double inUnit) => 2 * inUnit;         // a length on [0, 1] as one on [-1, 1]

    private sealed class Coins(PictureShape shape) : PixelLikelihood(nameof(Coins), shape)
    {
        public override long Outputs => Shape.Channels;
        public override Tensor LogProb(Tensor x, Tensor outputs) => Bernoulli.LogProb(x, outputs);
        public override Tensor LogProbOfPixels(Tensor x, Tensor outputs) => (x * outputs - nn.functional.softplus(outputs)).sum(-3);
        public override Tensor Mean(Tensor outputs) => outputs.sigmoid();

        // The logit of the mean of sigmoids, by logarithms: log mean s(l) - log mean s(-l).
        public override Tensor Averaged(Tensor outputs) => (-nn.functional.softplus(-outputs)).logsumexp(0) - (-nn.functional.softplus(outputs)).logsumexp(0);

        public override void Average(ReadOnlySpan<double> outputs, Span<double> mean)
        {
            for (var p = 0; p < mean.Length; p++)
            {
                double up = 0, down = 0;
                for (var i = p; i < outputs.Length; i += mean.Length)
                {
                    up += 1 / (1 + Math.Exp(-outputs[i]));
                    down += 1 / (1 + Math.Exp(outputs[i]));
                }
                mean[p] = Math.Log(up) - Math.Log(down);
            }
        }

        public override Tensor Draw(Tensor outputs, Tensor u, double temperature) => (u < (outputs / temperature).sigmoid()).to_type(outputs.dtype);

        public override void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature)
        {
            for (var c = 0; c < x.Length; c++) x[c] = u[c] < 1 / (1 + Math.Exp(-outputs[c] / temperature)) ? 1 : 0;
        }
    }

    /// <summary>A mean and a width for each pixel, or one width for all.</summary>
    private abstract class MeanAndWidth : PixelLikelihood
    {
        private readonly LikelihoodSettings settings;
        private readonly double logWidth;
        private readonly Parameter? log_sigma;                                // [], natural log of the width, in the law's own units

        protected MeanAndWidth(string name, PictureShape shape, LikelihoodSettings settings, double logWidth) : base(name, shape)
        {
            (this.settings, this.logWidth) = (settings, logWidth);
            if (settings.Spread != Spread.Learned) return;
            log_sigma = nn.Parameter(tensor((float)logWidth));
            register_parameter(nameof(log_sigma), log_sigma);
        }

        public override long Outputs => (settings.Spread == Spread.EachPixel ? 2 : 1) * Shape.Channels;

        public override Tensor Mean(Tensor outputs)
        {
            var raw = settings.Spread == Spread.EachPixel ? outputs.narrow(-3, 0, Shape.Channels) : outputs;
            return settings.SquashMean ? raw.sigmoid() : raw;
        }

        // A mean that passes a sigmoid starts at grey. Where pictures are nearly all black or white, every pixel then pulls the same way, the outputs
        // overshoot to where the sigmoid is flat, and what is not of the commoner end has no gradient left: codes go unused. The pictures' own mean does not pull.
        public override Tensor? StartFor(Tensor x)
        {
            if (!settings.SquashMean) return null;
            using var _ = no_grad();
            var mean = x.mean([0, 2, 3]).to_type(ScalarType.Float32);                                      // [C]
            var isFar = (mean - 0.5).abs() > FarFromGrey;
            if (!isFar.any().item<bool>()) return null;
            var start = where(isFar, mean.clamp(LeastMean, 1 - LeastMean).logit(), zeros_like(mean));
            return settings.Spread == Spread.EachPixel ? cat([start, zeros_like(start)], 0) : start;
        }

        private const double FarFromGrey = 0.35, LeastMean = 0.01;

        protected bool SquashesMean => settings.SquashMean;
        protected int Levels => settings.Levels;

        protected double LogWidth(ReadOnlySpan<double> outputs, int channel, double least)
        {
            if (settings.Spread == Spread.EachPixel) return Math.Max(outputs[Shape.Channels + channel] + logWidth, least);
            if (log_sigma is null) return logWidth;
            using var width = log_sigma.detach().to_type(ScalarType.Float64);
            return Math.Max(width.item<double>(), least);
        }

        /// <summary>A decoder starts at the settings' width for every pixel: it gives the difference from it. What is learned has a floor; what is set is as it is set.</summary>
        protected Tensor LogWidth(Tensor outputs, double least) =>
            settings.Spread == Spread.EachPixel ? (outputs.narrow(-3, Shape.Channels, Shape.Channels) + logWidth).clamp_min(least)
            : log_sigma?.clamp_min(least) ?? tensor(logWidth, outputs.dtype, outputs.device);   // []
    }

    private sealed class Density(PictureShape shape, LikelihoodSettings settings) : MeanAndWidth(nameof(Density), shape, settings, Math.Log(settings.Sigma))
    {
        // A pixel that is always black would take its width to zero and the density to infinity; half a grey level is enough for any.
        private static readonly double least = Math.Log(0.5 / 255);

        public override Tensor LogProb(Tensor x, Tensor outputs) => Gaussian.LogProb(x, Mean(outputs), 2 * LogWidth(outputs, least), keep: (int)outputs.dim() - 3);

        public override Tensor Draw(Tensor outputs, Tensor u, double temperature)
        {
            var x = Mean(outputs) + LogWidth(outputs, least).exp() * (temperature * Math.Sqrt(2)) * (2 * u - 1).erfinv();
            return Shape.IsPoint ? x : x.clamp(0, 1);                             // a point has no range
        }

        public override void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature) => throw new NotSupportedException("A density is not drawn a pixel at a time.");
    }

    private sealed class Bins(PictureShape shape, LikelihoodSettings settings)
        : MeanAndWidth(nameof(Bins), shape, settings, Math.Log(MinusOneToOne(settings.Sigma) * Math.Sqrt(3) / Math.PI))   // a logistic's deviation is s pi / sqrt 3
    {
        private const double Least = -7;

        public override Tensor LogProb(Tensor x, Tensor outputs) => LogProbOfPixels(x, outputs).sum([-2, -1]);
        public override Tensor LogProbOfPixels(Tensor x, Tensor outputs) => DiscretizedLogistic.LogProb(2 * x - 1, 2 * Mean(outputs) - 1, LogWidth(outputs, Least), Levels).sum(-3);
        public override Tensor Draw(Tensor outputs, Tensor u, double temperature) => Rounded(DiscretizedLogistic.Sample(2 * Mean(outputs) - 1, LogWidth(outputs, Least) + Math.Log(temperature), u), Levels);

        public override void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature)
        {
            for (var c = 0; c < x.Length; c++)
            {
                var mean = SquashesMean ? 1 / (1 + Math.Exp(-outputs[c])) : outputs[c];
                x[c] = Rounded(Logistic(2 * mean - 1, LogWidth(outputs, c, Least), temperature, u[c]), Levels);
            }
        }
    }

    private sealed class Mixture(PictureShape shape, LikelihoodSettings settings) : PixelLikelihood(nameof(Mixture), shape)
    {
        public override long Outputs => LogisticMixture.Outputs(Shape.Channels, settings.Components);
        public override long Uniforms => settings.Components + Shape.Channels;

        // Components side by side over the range, as wide as their distance, alike in all channels, whatever the code. Left to chance they
        // start wider than the range, and thousands of steps go by before brightness, which is then worth little, gets into the codes.
        public override (Tensor Bias, double Share)? Start
        {
            get
            {
                long k = settings.Components, c = Shape.Channels;
                var bias = zeros(Outputs);
                bias.narrow(0, k, k * c).copy_(((arange(k, dtype: ScalarType.Float32) + 0.5) * (2.0 / k) - 1).repeat_interleave(c));
                bias.narrow(0, k + k * c, k * c).fill_(Math.Log(1.0 / k));
                return (bias, 0.1);
            }
        }

        public override bool DrawsPixels => true;
        public override Tensor LogProb(Tensor x, Tensor outputs) => Of(outputs).LogProb(2 * x - 1, settings.Levels);
        public override Tensor LogProbOfPixels(Tensor x, Tensor outputs) => Of(outputs).LogProbOfPixels(2 * x - 1, settings.Levels);
        public override Tensor Mean(Tensor outputs) => (Of(outputs).Mean() + 1) / 2;
        public override Tensor Draw(Tensor outputs, Tensor u, double temperature)
        {
            var law = Of(outputs);
            return Rounded((temperature == 1 ? law : law with { LogitProbs = law.LogitProbs / temperature, LogScales = law.LogScales + Math.Log(temperature) }).Sample(u), settings.Levels);
        }

        public override void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature)
        {
            var (k, channels, chosen, most) = (settings.Components, x.Length, 0, double.NegativeInfinity);
            for (var i = 0; i < k; i++)
            {
                var score = outputs[i] / temperature - Math.Log(-Math.Log(u[i]));                             // Gumbel noise
                if (score > most) (chosen, most) = (i, score);
            }
            Span<double> moved = [0, 0, 0];                                                                   // as the network sees them, on [-1, 1]
            for (var c = 0; c < channels; c++)
            {
                double Coefficient(ReadOnlySpan<double> all, int which) => Math.Tanh(all[k + 2 * k * channels + 3 * chosen + which]);
                var mean = outputs[k + channels * chosen + c];
                if (channels == 3 && c == 1) mean += Coefficient(outputs, 0) * moved[0];
                if (channels == 3 && c == 2) mean = mean + Coefficient(outputs, 1) * moved[0] + Coefficient(outputs, 2) * moved[1];
                var drawn = Logistic(mean, Math.Max(outputs[k + k * channels + channels * chosen + c], LogisticMixture.LeastLogScale), temperature, u[k + c]);
                if (channels == 3) moved[c] = drawn;
                x[c] = Rounded(drawn, settings.Levels);
            }
        }
        private LogisticMixture Of(Tensor outputs) => LogisticMixture.Of(outputs, Shape.Channels, settings.Components);
    }

    private sealed class Values(PictureShape shape, LikelihoodSettings settings) : PixelLikelihood(nameof(Values), shape)
    {
        private int Levels => settings.Levels;

        public override long Outputs => Levels * Shape.Channels;
        public override Tensor LogProb(Tensor x, Tensor outputs) => LogProbOfPixels(x, outputs).sum([-2, -1]);
        public override Tensor LogProbOfPixels(Tensor x, Tensor outputs) => Categorical.LogProbOfPixels((x * (Levels - 1)).round().to_type(ScalarType.Int64), Logits(outputs));
        public override Tensor Mean(Tensor outputs) => Categorical.Mean(Logits(outputs)) / (Levels - 1);
        public override Tensor Averaged(Tensor outputs) => (Logits(outputs).log_softmax(-4).logsumexp(0) - Math.Log(outputs.shape[0])).reshape([.. outputs.shape[1..]]);

        public override void Average(ReadOnlySpan<double> outputs, Span<double> mean)
        {
            mean.Clear();
            for (var first = 0; first < outputs.Length; first += mean.Length)
                for (var c = 0; c < Shape.Channels; c++)
                {
                    double most = double.NegativeInfinity, sum = 0;
                    for (var i = c; i < mean.Length; i += Shape.Channels) most = Math.Max(most, outputs[first + i]);
                    for (var i = c; i < mean.Length; i += Shape.Channels) sum += Math.Exp(outputs[first + i] - most);
                    for (var i = c; i < mean.Length; i += Shape.Channels) mean[i] += Math.Exp(outputs[first + i] - most) / sum;
                }
            for (var i = 0; i < mean.Length; i++) mean[i] = Math.Log(mean[i] * mean.Length / outputs.Length);
        }

        public override Tensor Draw(Tensor outputs, Tensor u, double temperature) => Categorical.Sample(Logits(outputs) / temperature, u).to_type(outputs.dtype) / (Levels - 1);

        public override void Draw(ReadOnlySpan<double> outputs, ReadOnlySpan<double> u, Span<double> x, double temperature)
        {
            for (var c = 0; c < x.Length; c++)
            {
                double most = double.NegativeInfinity, sum = 0, below = 0;
                for (var v = 0; v < Levels; v++) most = Math.Max(most, outputs[v * x.Length + c]);
                for (var v = 0; v < Levels; v++) sum += Math.Exp((outputs[v * x.Length + c] - most) / temperature);
                var value = 0;
                for (var v = 0; v < Levels && (below += Math.Exp((outputs[v * x.Length + c] - most) / temperature) / sum) <= u[c]; v++) value = v + 1;
                x[c] = Math.Min(value, Levels - 1) / (Levels - 1.0);
            }
        }

        private Tensor Logits(Tensor outputs) => outputs.reshape([.. outputs.shape[..^3], (long)Levels, Shape.Channels, .. outputs.shape[^2..]]);
    }

    // From [-1, 1] to the nearest of the values in [0, 1].
    private static Tensor Rounded(Tensor x, int levels) => ((x + 1) * ((levels - 1) / 2.0)).round() / (levels - 1);
    private static double Rounded(double x, int levels) => Math.Round((x + 1) * ((levels - 1) / 2.0)) / (levels - 1);

    private static double Logistic(double mean, double logScale, double temperature, double u) =>
        Math.Clamp(mean + Math.Exp(Math.Min(logScale, DiscretizedLogistic.LargestLogScale)) * temperature * (Math.Log(u) - Math.Log(1 - u)), -1, 1);
}
