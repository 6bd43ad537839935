using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Codes whose pictures come nearest to given ones.</summary>
/// <param name="Codes">[B, D].</param>
/// <param name="Pictures">What they decode to, [B, C, H, W] in [0, 1].</param>
/// <param name="Errors">Mean squared difference of each picture, [B].</param>
/// <param name="StartErrors">The same of the code that each began from: for a model with an encoder, the encoder's own.</param>
public sealed record Inversion(Tensor Codes, Tensor Pictures, Tensor Errors, Tensor StartErrors)
{
    /// <summary>Descends to a code from several beginnings, and keeps the best of each picture.</summary>
    /// <remarks>
    /// Creswell and Bharath 2016, https://arxiv.org/abs/1611.05644; Lipton and Tripathi 2017, https://arxiv.org/abs/1702.04782. A model with an encoder
    /// begins from its answer, whatever the restarts; others from codes of the prior.
    /// </remarks>
    /// <param name="batch">Pictures in [0, 1], with labels where the model has classes.</param>
    /// <param name="steps">Of Adam, for each beginning; the rate falls along half a cosine.</param>
    /// <param name="restarts">Beginnings.</param>
    /// <param name="progress">Told the share that is done; may throw to stop.</param>
    public static Inversion Of(IDecoder model, Batch batch, int steps = 300, int restarts = 4, double rate = 0.05, Action<double>? progress = null)
    {
        SettingChecks.Need(steps >= 1, "steps", steps, "1 or more");
        SettingChecks.Need(restarts >= 1, "restarts", restarts, "1 or more");
        using var scope = NewDisposeScope();
        using var descending = enable_grad();
        var (x, n) = (batch.X, batch.Count);
        var condition = Condition.OneHot(batch.Labels, model.Classes);
        Tensor Error(Tensor pictures) => (pictures - x).square().flatten(1).mean([1]);                       // [B]

        Tensor? best = null, bestErrors = null, startErrors = null;
        for (var restart = 0; restart < restarts; restart++)
        {
            using var inner = NewDisposeScope();
            Tensor start;
            using (no_grad())
                start = restart == 0 && model is IEncoder encoder ? encoder.Encode(batch).Code.clone()
                    : Latents.FromSeeds(Enumerable.Range(0, (int)n).Select(i => Seeds.At(restart, i, "invert")), model).to(x.device);
            var code = nn.Parameter(start.clone());                                                  // a parameter takes the handle of what it is made of
            var adam = Optimizer.Create(new OptimizerSettings { LearningRate = rate }, [("code", code)]);
            using (no_grad()) Keep(start, Error(model.Decode(start, condition)), isStart: restart == 0);
            for (var step = 0; step < steps; step++)
            {
                using var once = NewDisposeScope();
                var error = Error(model.Decode(code, condition)).sum();                                      // each code has its own picture's gradient
                code.grad = autograd.grad([error], [code])[0];                                               // the model's weights get none
                adam.Step(rate * (1 + Math.Cos(Math.PI * step / steps)) / 2);
                if (model.Prior.Sides is var (least, most)) using (no_grad()) code.clamp_(least, most);          // a cube's codes end at its sides
                progress?.Invoke((restart * steps + step + 1.0) / (restarts * steps));
            }
            using (no_grad()) Keep(code.detach(), Error(model.Decode(code, condition)), isStart: false);
        }

        using var _ = no_grad();
        return new Inversion(best!.MoveToOuterDisposeScope(), model.Decode(best!, condition).MoveToOuterDisposeScope(), bestErrors!.MoveToOuterDisposeScope(), startErrors!.MoveToOuterDisposeScope());

        void Keep(Tensor codes, Tensor errors, bool isStart)
        {
            var better = bestErrors is null ? ones_like(errors, ScalarType.Bool) : errors.lt(bestErrors);
            best = (best is null ? codes.clone() : where(better.unsqueeze(1), codes, best)).MoveToOuterDisposeScope();
            bestErrors = (bestErrors is null ? errors.clone() : where(better, errors, bestErrors)).MoveToOuterDisposeScope();
            if (isStart) startErrors = errors.clone().MoveToOuterDisposeScope();
        }
    }
}
