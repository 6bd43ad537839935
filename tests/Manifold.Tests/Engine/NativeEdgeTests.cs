using System.Reflection;
using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Engine;

/// <summary>What libtorch cannot do ends the process, so it is refused before. Each body runs in a process of its own, where an end can be seen.</summary>
public class NativeEdgeTests
{
    private const string Trace = "MANIFOLD_TEST_TRACE";

    [Theory]
    [InlineData(nameof(Every_method_of_tensors))]
    [InlineData(nameof(Noise_of_no_shape))]
    [InlineData(nameof(Slopes_that_are_not_there))]
    [InlineData(nameof(Samplers_of_another_type))]
    [InlineData(nameof(Features_that_do_not_go_together))]
    public void No_call_ends_the_process(string body)
    {
        using var folder = new TemporaryFolder();
        var program = Path.Combine(AppContext.BaseDirectory, "Manifold.Tests");
        var child = Child.Run(program, ["-method", $"{typeof(NativeEdgeTests).FullName}.{body}", "-explicit", "only", "-noLogo"], [(Trace, folder["trace"])]);
        var last = File.Exists(folder["trace"]) ? File.ReadLines(folder["trace"]).LastOrDefault() : null;
        Assert.True(child.ExitCode == 0, $"exit code {child.ExitCode}, last call: {last}\n{Regex.Replace(child.Output + child.Error, @"\n\s*at .*", "")}");
        Assert.Equal("done", last);
    }

    private static void Call(string what)
    {
        if (Environment.GetEnvironmentVariable(Trace) is { } path) File.AppendAllText(path, what + "\n");
    }

    private static void Refused(string what, string says, Action call)
    {
        Call(what);
        Assert.Contains(says, Assert.ThrowsAny<ArgumentException>(call).Message);
    }

    [Fact(Explicit = true)]
    public void Noise_of_no_shape()
    {
        Refused("negative", "shape is [2, -3]", () => Noise.Uniform([1], 2, -3));
        Refused("huge", "shape is [1000000, 1000000]", () => Noise.Uniform([1], 1_000_000, 1_000_000));
        Refused("overflowing", "the most is", () => Noise.Normal([1], long.MaxValue, long.MaxValue, 3));
        Refused("in all", "2 times", () => Noise.Normal([1, 2], ShapeChecks.MostNumbers / 2 + 1));
        Refused("no seeds", "There are no seeds", () => Noise.Normal([], 2));
        Assert.Equal([2, 0, 3], Noise.Normal([1, 2], 0, 3).shape);
        Call("done");
    }

    [Fact(Explicit = true)]
    public void Slopes_that_are_not_there()
    {
        var x = rand(3, 2).requires_grad_();
        var w = nn.Parameter(rand(2));
        Tensor Score(Tensor at) => (at * w).square().sum(1);
        Assert.Equal([3], Penalties.R1(Score(x), x).shape);
        Refused("of another x", "does not depend on x", () => Penalties.R1(Score(x), rand(3, 2).requires_grad_()));
        Refused("of a constant", "score has no gradient", () => Penalties.R1(rand(3), x));
        Refused("of no gradient", "x requires no gradient", () => Penalties.R1(Score(x), rand(3, 2)));
        Refused("whole numbers", "x is Int64", () => Penalties.R1(Score(x), ones(3, 2, ScalarType.Int64)));
        Refused("constant on lines", "score has no gradient", () => Penalties.OnLines(at => rand(at.shape[0]), rand(3, 2), rand(3, 2)));
        Refused("of weights alone", "does not depend on x", () => Penalties.OnLines(at => w.sum().expand(3), rand(3, 2), rand(3, 2)));
        Refused("of other shapes", "fake has shape [3, 4]", () => Penalties.OnLines(Score, rand(3, 2), rand(3, 4)));
        Refused("whole numbers on lines", "real is Int64", () => Penalties.OnLines(Score, ones(3, 2, ScalarType.Int64), rand(3, 2)));
        using (no_grad()) Refused("under no_grad", "score has no gradient", () => Penalties.OnLines(Score, rand(3, 2), rand(3, 2)));
        using (no_grad()) Refused("under no_grad", "score has no gradient", () => Penalties.R1(Score(x), x));
        Call("done");
    }

    [Fact(Explicit = true)]
    public void Samplers_of_another_type()
    {
        var model = new GatedPixelCnn(new PictureShape(1, 4, 4), new GatedPixelCnnSettings { Channels = 2, Layers = 1, FirstKernel = 3, Kernel = 3 });
        var u = Ancestral.Uniforms(model, [1, 2]);
        Assert.Equal([2, 1, 4, 4], TorchSampler.Draw(model, u).shape);
        foreach (var type in new[] { ScalarType.Float64, ScalarType.Int64, ScalarType.Bool })
            Refused($"{type}", $"u is {type}; expected Float32", () => TorchSampler.Draw(model, u.to_type(type)));
        Refused("another shape", "u has shape [2, 1, 4, 3]", () => TorchSampler.Draw(model, u[.., .., .., ..3]));
        foreach (var type in new[] { ScalarType.Int64, ScalarType.Float64 })
            Refused($"slow, {type}", $"u is {type}; expected Float32", () => Ancestral.Draw(model, u.to_type(type)));
        Call("done");
    }

    [Fact(Explicit = true)]
    public void Features_that_do_not_go_together()
    {
        var (y3, y4) = (zeros(3, ScalarType.Int64), zeros(4, ScalarType.Int64));
        Refused("Frechet", "b has shape [4, 5]; expected [B, 2]", () => Frechet.Distance(rand(4, 2), rand(4, 5)));
        Refused("Frechet of moments", "m2 has shape [3]", () => Frechet.Distance(rand(2), eye(2), rand(3), eye(3)));
        Refused("Frechet of a vector", "expected [B, any]", () => Frechet.Distance(rand(4), rand(4, 5)));
        Refused("Frechet at infinity", "fakes has shape [9, 3]", () => Frechet.AtInfinity(rand(9, 2), rand(9, 3)));
        Refused("neighbours", "test.X has shape [4, 2]; expected [B, 3]", () => Probe.NearestNeighbours((rand(3, 3), y3), (rand(4, 2), y4), 2));
        Refused("linear", "test.X has shape [4, 2]; expected [B, 3]", () => Probe.Linear((rand(3, 3), y3), (rand(4, 2), y4)));
        Refused("labels", "test.Y has shape [3]; expected [4]", () => Probe.NearestNeighbours((rand(3, 3), y3), (rand(4, 3), y3), 2));
        Refused("labels below 0", "train.Y has the label -1", () => Probe.NearestNeighbours((rand(3, 3), y3 - 1), (rand(4, 3), y4), 2));
        Refused("labels of reals", "train.Y is Float32", () => Probe.Linear((rand(3, 3), rand(3)), (rand(4, 3), y4)));
        Refused("no neighbours", "k is 0; it needs 1 or more", () => Probe.NearestNeighbours((rand(3, 3), y3), (rand(4, 3), y4), 0));
        Call("done");
    }

    // Every public static method that takes tensors, with tensors of wrong ranks, types and widths: it may refuse or answer, and must come back.
    [Fact(Explicit = true)]
    public void Every_method_of_tensors()
    {
        Native.Load();
        var methods = typeof(Noise).Assembly.GetExportedTypes().Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(method => !method.ContainsGenericParameters && method.GetParameters().Any(p => IsOfTensors(p.ParameterType)) && method.GetParameters().All(p => !p.ParameterType.IsByRefLike || p.ParameterType == typeof(ReadOnlySpan<long>)))
            .Where(method => method.GetParameters().All(p => !p.ParameterType.IsByRefLike)).ToList();
        Assert.True(methods.Count > 40);
        var calls = 0;
        foreach (var method in methods)
            foreach (var (name, make) in Kinds)
                foreach (var other in new[] { false, true })
                {
                    using var scope = NewDisposeScope();
                    var arguments = method.GetParameters().Select((p, i) => Argument(p, i > 0 && other ? Other : make)).ToArray();
                    Call($"{method.DeclaringType!.Name}.{method.Name}, {name}, {other}");
                    try { method.Invoke(null, arguments); }
                    catch (TargetInvocationException e) when (e.InnerException is not OutOfMemoryException) { }
                    calls++;
                }
        Assert.True(calls > 500);
        Call("done");
    }

    private static Tensor Other() => rand(5, 4);

    private static readonly (string Name, Func<Tensor> Make)[] Kinds =
    [
        ("float32 [5, 3]", () => rand(5, 3)), ("float64 [5, 4]", () => rand(5, 4, ScalarType.Float64)), ("int64 [5]", () => arange(5)), ("bool [2, 2]", () => zeros(2, 2, ScalarType.Bool)),
        ("scalar", () => tensor(0.5f)), ("nothing", () => zeros(0)), ("no rows", () => zeros(0, 3)), ("maps", () => rand(2, 3, 4, 4)), ("five axes", () => rand([1, 2, 1, 2, 2])),
        ("NaN", () => full([5, 4], float.NaN)), ("negative", () => full([5, 4], -3, ScalarType.Int64)),
    ];

    private static bool IsOfTensors(Type type) => type == typeof(Tensor) || type == typeof((Tensor, Tensor)) || type == typeof(IReadOnlyList<Tensor>);

    private static object? Argument(ParameterInfo parameter, Func<Tensor> make)
    {
        var type = parameter.ParameterType;
        if (type == typeof(Tensor)) return make();
        if (type == typeof((Tensor, Tensor))) return (make(), make());
        if (type == typeof(IReadOnlyList<Tensor>)) return new[] { make(), make() };
        if (parameter.HasDefaultValue && parameter.DefaultValue is { } value) return value;
        if (type == typeof(int)) return 2;
        if (type == typeof(long)) return 2L;
        if (type == typeof(double)) return 0.5;
        if (type == typeof(bool)) return true;
        if (type == typeof(string)) return "x";
        if (type == typeof(Device)) return CPU;
        if (type == typeof(long[])) return new long[] { -1, 3 };
        if (type == typeof(IReadOnlyList<int>)) return new[] { 0, 1 };
        if (type == typeof(IReadOnlyList<Augmentation>)) return Enum.GetValues<Augmentation>();
        if (type == typeof(Func<Tensor, Tensor>)) return (Func<Tensor, Tensor>)(x => x.sum(1));
        if (type == typeof(PictureShape)) return new PictureShape(1, 4, 4);
        if (type.IsAssignableFrom(typeof(GatedPixelCnn))) return new GatedPixelCnn(new PictureShape(1, 4, 4), new GatedPixelCnnSettings { Channels = 2, Layers = 1, FirstKernel = 3, Kernel = 3 });
        if (type.IsAssignableFrom(typeof(Vae))) return new Vae(new PictureShape(1, 4, 4), new VaeSettings { Hidden = [4], LatentDim = 3 });
        return type.IsValueType ? Activator.CreateInstance(type) : null;
    }
}
