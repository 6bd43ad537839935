using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

/// <summary>Endings in one pass are those of libtorch's operations, forward and backward, whatever the layout and the size.</summary>
public class FusedEndingTests
{
    private static Tensor Plain(Ending kind, Tensor x) => kind switch
    {
        Ending.TanhGate => x.chunk(2, 1)[0].tanh() * x.chunk(2, 1)[1].sigmoid(),
        Ending.LinearGate => x.chunk(2, 1)[0] * x.chunk(2, 1)[1].sigmoid(),
        _ => nn.functional.elu(cat([x, -x], 1), 1),
    };

    public static TheoryData<Ending, int, int, int, int, bool> Cases
    {
        get
        {
            var cases = new TheoryData<Ending, int, int, int, int, bool>();
            foreach (var kind in new[] { Ending.TanhGate, Ending.LinearGate, Ending.ConcatElu })
                foreach (var isLast in new[] { false, true })
                {
                    cases.Add(kind, 3, 6, 5, 7, isLast);
                    cases.Add(kind, 1, 2, 1, 1, isLast);
                    cases.Add(kind, 16, 32, 28, 28, isLast);      // large enough for several threads
                }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void One_pass_gives_what_many_do(Ending kind, int batch, int channels, int height, int width, bool isLast)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var values = randn(batch, channels, height, width) * 4;
        values.view(-1)[0] = 200;                                 // both ends of every exponential
        values.view(-1)[1] = -200;
        if (isLast) values = values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        Tensor x = values.clone().requires_grad_(true), same = values.to_type(ScalarType.Float64).requires_grad_(true);
        var (fused, plain) = (FusedEnding.Of(kind, x)!, Plain(kind, same));
        var gradient = randn_like(plain);
        fused.backward([gradient.to_type(ScalarType.Float32)]);
        plain.backward([gradient]);
        void Close(Tensor a, Tensor b) => Assert.InRange((a.to_type(ScalarType.Float64) - b).abs().max().item<double>(), 0, 2e-5);
        Close(fused, plain);
        Close(x.grad!, same.grad!);
        using var _ = no_grad();
        Close(FusedEnding.Of(kind, x)!, plain);
    }

    [Fact]
    public void What_it_cannot_do_is_left_to_libtorch()
    {
        Assert.Null(FusedEnding.Of(Ending.TanhGate, ones(1, 2, 3, 3, ScalarType.Float64)));
        Assert.Null(FusedEnding.Of(Ending.TanhGate, ones(2, 8)));
        Assert.Null(FusedEnding.Of(Ending.Relu, ones(1, 2, 3, 3)));
        Assert.Null(FusedEnding.Of(Ending.TanhGate, ones(1, 4, 3, 6)[.., .., .., TensorIndex.Slice(0, 6, 2)]));
    }
}
