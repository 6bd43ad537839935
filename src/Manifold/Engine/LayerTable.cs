using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>One layer as it was seen at work.</summary>
/// <param name="Name">network.path, as in a checkpoint.</param>
/// <param name="Calls">How often it ran while it was watched.</param>
/// <param name="MultiplyAdds">Of all its calls together, forward only; what a Linear or a convolution multiplies, nothing for the rest.</param>
/// <param name="TrainingMultiplyAdds">The same with the ways back that these calls will have: one more to an input that wants a gradient, and one to a weight that does.</param>
public sealed record Layer(string Name, string Kind, long[] Input, long[] Output, long Parameters, long Calls, long MultiplyAdds, long TrainingMultiplyAdds);

/// <summary>A layer that says itself how much it multiplies.</summary>
public interface IMultiplies
{
    /// <summary>Multiply-adds of one call, forward only.</summary>
    long MultiplyAdds(long[] input, long[] output);
}

/// <summary>Watches the layers of networks while something runs through them: shapes, parameters, multiply-adds.</summary>
public sealed class LayerTable : IDisposable
{
    private readonly Dictionary<string, Layer> layers = [];
    private readonly List<IDisposable> hooks = [];

    /// <summary>Begins to watch every layer, among all networks, that has no layers inside and makes one tensor of another.</summary>
    public LayerTable(IReadOnlyDictionary<string, nn.Module> networks)
    {
        foreach (var (network, module) in networks)
            foreach (var (path, layer) in module.named_modules())
                if (layer is nn.Module<Tensor, Tensor> simple && !layer.children().Any())
                {
                    var name = $"{network}.{path}";
                    var hook = simple.register_forward_hook((_, input, output) => { See(name, simple, input, output); return output; });
                    hooks.Add(new Removal(hook.remove));
                }
    }

    /// <summary>The layers in the order in which they first ran.</summary>
    public IReadOnlyCollection<Layer> Layers => layers.Values;

    /// <summary>Multiply-adds of everything that was watched, forward only.</summary>
    public long MultiplyAdds => layers.Values.Sum(layer => layer.MultiplyAdds);

    /// <summary>Stops watching; what was seen stays.</summary>
    public void Dispose()
    {
        foreach (var hook in hooks) hook.Dispose();
        hooks.Clear();
    }

    private void See(string name, nn.Module<Tensor, Tensor> layer, Tensor input, Tensor output)
    {
        var before = layers.GetValueOrDefault(name);
        var parameters = layer.parameters(recurse: false).Sum(parameter => parameter.numel());
        var forward = Count(layer, input, output);
        layers[name] = new Layer(name, layer.GetName(), input.shape, output.shape, parameters,
            (before?.Calls ?? 0) + 1, (before?.MultiplyAdds ?? 0) + forward, (before?.TrainingMultiplyAdds ?? 0) + forward * Passes(layer, input));
    }

    // A slope that is itself differentiated (R1, a gradient penalty) goes back twice, which is not seen here.
    private static int Passes(nn.Module layer, Tensor input) =>
        !is_grad_enabled() ? 1 : 1 + (input.requires_grad ? 1 : 0) + (layer.parameters(recurse: false).Any(parameter => parameter.requires_grad) ? 1 : 0);

    // Every output of a linear layer or a convolution is a sum over (inputs it sees): weight.numel() / outputs of products.
    // A transposed convolution spreads every input over as many.
    private static long Count(nn.Module layer, Tensor input, Tensor output)
    {
        if (layer is IMultiplies own) return own.MultiplyAdds(input.shape, output.shape);
        var weight = layer.named_parameters(recurse: false).FirstOrDefault(parameter => parameter.name == "weight").parameter;
        if (weight is null || weight.dim() < 2) return 0;
        return layer switch
        {
            Linear => output.numel() * weight.shape[1],
            ConvTranspose1d or ConvTranspose2d or ConvTranspose3d => input.numel() * (weight.numel() / weight.shape[0]),
            Conv1d or Conv2d or Conv3d => output.numel() * (weight.numel() / weight.shape[0]),
            _ => 0,
        };
    }

    private sealed class Removal(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}
