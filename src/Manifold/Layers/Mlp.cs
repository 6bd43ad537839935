using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Layers;

/// <summary>The nonlinearity between layers.</summary>
public enum Activation
{
    Relu,
    Tanh,
    Elu,

    /// <summary>Below 0 a fifth of the slope, as discriminators have it.</summary>
    LeakyRelu,
}

/// <summary>Fully connected layers with a nonlinearity between them.</summary>
public static class Mlp
{
    /// <param name="sizes">Units of every layer, the input's first and the output's last.</param>
    public static Module<Tensor, Tensor> Of(IReadOnlyList<long> sizes, Activation activation)
    {
        var layers = new List<Module<Tensor, Tensor>>();
        for (var i = 1; i < sizes.Count; i++)
        {
            layers.Add(Linear(sizes[i - 1], sizes[i]));
            if (i < sizes.Count - 1) layers.Add(activation.Module());
        }
        return Sequential(layers);
    }

    /// <summary>Weights of such layers, without the biases; a number that no network could have is told too.</summary>
    internal static double Weights(params IEnumerable<double> sizes)
    {
        double before = 0, sum = 0;
        foreach (var size in sizes) (sum, before) = (sum + before * size, size);
        return sum;
    }

    /// <param name="inPlace">Whether it may write over its input, which then must be nobody else's; a hyperbolic tangent never does.</param>
    internal static Module<Tensor, Tensor> Module(this Activation activation, bool inPlace = false) => activation switch
    {
        Activation.Tanh => Tanh(),
        Activation.Elu => ELU(1, inPlace),
        Activation.LeakyRelu => LeakyReLU(0.2, inPlace),
        _ => ReLU(inPlace),
    };

    internal static Tensor Apply(this Activation activation, Tensor x) => activation switch
    {
        Activation.Tanh => x.tanh(),
        Activation.Elu => functional.elu(x, 1),
        Activation.LeakyRelu => functional.leaky_relu(x, 0.2),
        _ => functional.relu(x),
    };
}
