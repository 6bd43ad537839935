using Manifold.Engine;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Tests.Engine;

public class OptimizerTests
{
    // Each rule as its paper writes it, one number at a time, in double precision. t counts from 1.
    private sealed class Textbook(OptimizerSettings s, double[] p)
    {
        private readonly double[] a = new double[p.Length], b = new double[p.Length];
        private int t;

        public double[] P => p;

        public void Step(double[] gradient, double rate)
        {
            t++;
            for (var i = 0; i < p.Length; i++)
            {
                var g = s.Kind == OptimizerKind.AdamW ? gradient[i] : gradient[i] + s.WeightDecay * p[i];
                switch (s.Kind)
                {
                    case OptimizerKind.Adam or OptimizerKind.AdamW:
                        if (s.Kind == OptimizerKind.AdamW) p[i] -= rate * s.WeightDecay * p[i];
                        a[i] = s.Beta1 * a[i] + (1 - s.Beta1) * g;
                        b[i] = s.Beta2 * b[i] + (1 - s.Beta2) * g * g;
                        p[i] -= rate * (a[i] / (1 - Math.Pow(s.Beta1, t))) / (Math.Sqrt(b[i] / (1 - Math.Pow(s.Beta2, t))) + s.Epsilon);
                        break;
                    case OptimizerKind.Adamax:
                        a[i] = s.Beta1 * a[i] + (1 - s.Beta1) * g;
                        b[i] = Math.Max(s.Beta2 * b[i], Math.Abs(g) + s.Epsilon);   // PyTorch's place for epsilon
                        p[i] -= rate / (1 - Math.Pow(s.Beta1, t)) * a[i] / b[i];
                        break;
                    case OptimizerKind.RmsProp:
                        a[i] = s.Alpha * a[i] + (1 - s.Alpha) * g * g;
                        b[i] = s.Momentum * b[i] + g / (Math.Sqrt(a[i]) + s.Epsilon);
                        p[i] -= rate * b[i];
                        break;
                    default:
                        b[i] = s.Momentum * b[i] + g;
                        p[i] -= rate * b[i];
                        break;
                }
            }
        }
    }

    public static TheoryData<OptimizerSettings> Rules => new(
        new OptimizerSettings(),
        new OptimizerSettings { WeightDecay = 0.1, Beta1 = 0.5, Beta2 = 0.99 },
        new OptimizerSettings { Epsilon = 0.1 },                                       // large, so that its place shows
        new OptimizerSettings { Beta1 = 0 },
        new OptimizerSettings { Kind = OptimizerKind.AdamW, WeightDecay = 0.1 },
        new OptimizerSettings { Kind = OptimizerKind.AdamW },
        new OptimizerSettings { Kind = OptimizerKind.Adamax },
        new OptimizerSettings { Kind = OptimizerKind.Adamax, WeightDecay = 0.1, Epsilon = 0.1 },
        new OptimizerSettings { Kind = OptimizerKind.RmsProp },
        new OptimizerSettings { Kind = OptimizerKind.RmsProp, Momentum = 0.9, WeightDecay = 0.1, Alpha = 0.9, Epsilon = 0.1 },
        new OptimizerSettings { Kind = OptimizerKind.Sgd },
        new OptimizerSettings { Kind = OptimizerKind.Sgd, Momentum = 0.9 },
        new OptimizerSettings { Kind = OptimizerKind.Sgd, Momentum = 0.5, WeightDecay = 0.1 });

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_hundred_steps_are_the_papers(OptimizerSettings settings)
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 1e-6), (ScalarType.Float64, 1e-9) })
            foreach (var channelsLast in new[] { false, true })
            {
                manual_seed(1);
                var parameters = Three(type, channelsLast);
                var optimizer = Optimizer.Create(settings, parameters);
                var books = parameters.Select(p => new Textbook(settings, Numbers(p.parameter))).ToArray();

                for (var t = 0; t < 100; t++)
                {
                    using var scope = NewDisposeScope();
                    var rate = 1e-3 * (1 + t % 3);
                    for (var i = 0; i < books.Length; i++)
                    {
                        // Half of the gradients lie in memory otherwise than their parameter.
                        var gradient = randn(parameters[i].parameter.shape, dtype: type);
                        parameters[i].parameter.grad = t % 2 == 0 && channelsLast && gradient.Dimensions == 4 ? Last(gradient) : gradient;
                        books[i].Step(Numbers(gradient), rate);
                    }
                    optimizer.Step(rate);
                    optimizer.ZeroGrad();
                }

                for (var i = 0; i < books.Length; i++) AssertClose(books[i].P, parameters[i].parameter, tolerance);
            }
    }

    private static (string name, Parameter parameter)[] Three(ScalarType type, bool channelsLast)
    {
        var kernel = rand(6, 5, 3, 3, dtype: type) - 0.5;
        return [("kernel", new Parameter(channelsLast ? Last(kernel) : kernel)), ("weight", new Parameter(rand(7, 5, dtype: type) - 0.5)), ("bias", new Parameter(rand(7, dtype: type) - 0.5))];
    }

    private static Tensor Last(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    private static double[] Numbers(Tensor x) => x.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static void AssertClose(double[] expected, Tensor actual, double tolerance)
    {
        var found = Numbers(actual);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], tolerance);
    }
}
