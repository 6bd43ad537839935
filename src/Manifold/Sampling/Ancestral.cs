using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Pictures drawn a place at a time, each after those before it.</summary>
public static class Ancestral
{
    /// <summary>The uniform numbers that decide a picture, one row of them for each seed: [N, U, H, W].</summary>
    public static Tensor Uniforms(IAutoregressive model, IEnumerable<long> seeds) => Noise.Uniform(seeds, model.Likelihood.Uniforms, model.Shape.Height, model.Shape.Width);

    /// <summary>One picture for each row of uniform numbers, [N, C, H, W] in [0, 1]: the slow and obvious way, the whole network once for each place.</summary>
    /// <param name="u">[N, U, H, W], uniform on (0, 1); see <see cref="Uniforms"/>.</param>
    public static Tensor Draw(IAutoregressive model, Tensor u, Drawing? how = null)
    {
        how ??= new Drawing();
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        using var still = Evaluating.Of(model);
        var (count, shape) = (u.ExpectShape([-1, model.Likelihood.Uniforms, model.Shape.Height, model.Shape.Width]).shape[0], model.Shape);
        if (model is nn.Module network && network.parameters().FirstOrDefault() is { } weight) u.ExpectType([weight.dtype]);
        var kept = how.KeptPlaces(shape);
        var x = how.Known is null ? zeros([count, shape.Channels, shape.Height, shape.Width], u.dtype, u.device) : how.Known.ExpectShape([count, shape.Channels, shape.Height, shape.Width]).to_type(u.dtype).clone();
        for (var step = 0; step < model.Order.Count; step++)
        {
            var (channel, row, column) = model.Order[step];
            if (kept?[row * shape.Width + column] != true)
            {
                using var inner = NewDisposeScope();
                Tensor At(Tensor maps) => maps.narrow(2, row, 1).narrow(3, column, 1);
                var drawn = model.Likelihood.Draw(At(model.Outputs(x, how.Condition, how.Map)), At(u), how.Temperature);   // [N, C, 1, 1]
                if (channel < 0) At(x).copy_(drawn);
                else At(x).narrow(1, channel, 1).copy_(drawn.narrow(1, channel, 1));
            }
            how.Progress?.Invoke(new((step + 1.0) / model.Order.Count, () => x.clone()));
        }
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>A network that evaluates until this is disposed, and then goes back to training if it was: dropout has no place in a drawing.</summary>
internal sealed class Evaluating : IDisposable
{
    private readonly nn.Module? network;

    private Evaluating(nn.Module? network) => (this.network = network)?.eval();

    public static Evaluating Of(object model) => new(model is nn.Module { training: true } network ? network : null);

    public void Dispose() => network?.train();
}
