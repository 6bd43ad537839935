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
    /// <param name="known">Pictures whose places stay as they are where <paramref name="keep"/> says so.</param>
    /// <param name="keep">[H, W], 1 where a place is known.</param>
    /// <param name="progress">Told the share that is done; may throw to stop.</param>
    public static Tensor Draw(IAutoregressive model, Tensor u, Tensor? condition = null, Tensor? known = null, Tensor? keep = null, Action<double>? progress = null)
    {
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        var (count, shape) = (u.ExpectShape([-1, model.Likelihood.Uniforms, model.Shape.Height, model.Shape.Width]).shape[0], model.Shape);
        var x = known is null ? zeros([count, shape.Channels, shape.Height, shape.Width], u.dtype, u.device) : known.ExpectShape([count, shape.Channels, shape.Height, shape.Width]).to_type(u.dtype).clone();
        var kept = keep?.ExpectShape([shape.Height, shape.Width]).to_type(ScalarType.Bool).cpu().data<bool>().ToArray();
        for (var step = 0; step < model.Order.Count; step++)
        {
            var (channel, row, column) = model.Order[step];
            if (kept?[row * shape.Width + column] != true)
            {
                using var inner = NewDisposeScope();
                Tensor At(Tensor maps) => maps.narrow(2, row, 1).narrow(3, column, 1);
                var drawn = model.Likelihood.Draw(At(model.Outputs(x, condition)), At(u));          // [N, C, 1, 1]
                if (channel < 0) At(x).copy_(drawn);
                else At(x).narrow(1, channel, 1).copy_(drawn.narrow(1, channel, 1));
            }
            progress?.Invoke((step + 1.0) / model.Order.Count);
        }
        return x.MoveToOuterDisposeScope();
    }
}
