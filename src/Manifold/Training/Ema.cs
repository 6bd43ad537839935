using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>
/// A moving average of a network's weights. Parameters are averaged; buffers, such as BatchNorm's running statistics, are the live network's.
/// </summary>
/// <remarks>The half-life and its ramp follow Karras et al. 2020 (https://arxiv.org/abs/1912.04958, their code): short at first, so that the start is forgotten.</remarks>
public sealed class Ema : IDisposable
{
    private readonly nn.Module network;
    private readonly double halfLife, rampUp;
    private readonly Tensor[] live, averaged, liveBuffers, copiedBuffers;
    private readonly Dictionary<string, Tensor> tensors = [];

    /// <param name="network">On its device already, and in its memory format.</param>
    /// <param name="halfLife">Examples after which a weight's share in the average has halved; above 0.</param>
    /// <param name="rampUp">The half-life is at most this share of the examples seen; infinity for no ramp.</param>
    public Ema(nn.Module network, double halfLife, double rampUp = 0.05)
    {
        if (!(halfLife > 0)) throw new ArgumentOutOfRangeException(nameof(halfLife), halfLife, "halfLife needs to be above 0, in examples.");
        if (!(rampUp > 0)) throw new ArgumentOutOfRangeException(nameof(rampUp), rampUp, "rampUp needs to be above 0.");
        (this.network, this.halfLife, this.rampUp) = (network, halfLife, rampUp);
        using var still = no_grad();
        live = [.. network.named_parameters().Select(p => p.parameter)];
        averaged = [.. network.named_parameters().Select(p => Keep(p.name, p.parameter))];
        liveBuffers = [.. network.named_buffers().Select(b => b.buffer)];
        copiedBuffers = [.. network.named_buffers().Select(b => Keep(b.name, b.buffer))];
    }

    /// <summary>The average by checkpoint name, buffers included; live, and can be copied into.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => tensors;

    /// <summary>Share of the old average that stays after a step of <paramref name="count"/> examples: a function of the examples seen only.</summary>
    public double Decay(long count, long examplesSeen) => Math.Pow(0.5, count / Math.Min(halfLife, rampUp * examplesSeen));

    /// <summary>Takes the live weights into the average.</summary>
    /// <param name="count">Examples of the step that was just taken.</param>
    /// <param name="examplesSeen">Examples seen, that step's included.</param>
    /// <exception cref="InvalidOperationException">The network's parameters are no longer those that are averaged.</exception>
    public void Update(long count, long examplesSeen)
    {
        if (live.Any(p => p.IsInvalid)) throw Lost();
        using var still = no_grad();
        using var weight = (1 - Decay(count, examplesSeen)).ToScalar();
        if (live.Length > 0) Kernels.Run("lerp", averaged, live, weight);
        if (liveBuffers.Length > 0) Kernels.Run("copy", copiedBuffers, liveBuffers);
    }

    /// <summary>Forgets what was averaged: the average is the live network.</summary>
    public void Restart()
    {
        using var still = no_grad();
        foreach (var (average, now) in averaged.Zip(live).Concat(copiedBuffers.Zip(liveBuffers))) average.copy_(now);
    }

    /// <summary>Puts the average into the network until the result is disposed; then the live weights are back, byte for byte.</summary>
    /// <exception cref="InvalidOperationException">The network's parameters are no longer those that are averaged.</exception>
    public IDisposable SwappedIn()
    {
        if (live.Any(p => p.IsInvalid) || !network.parameters().Select(p => p.Handle).SequenceEqual(live.Select(p => p.Handle))) throw Lost();
        Exchange();
        return new Back(this);
    }

    /// <summary>Frees the averages; the network stays as it is.</summary>
    public void Dispose()
    {
        foreach (var average in tensors.Values) average.Dispose();
    }

    private void Exchange()
    {
        using var still = no_grad();
        for (var i = 0; i < live.Length; i++)
        {
            using var kept = live[i].clone();
            live[i].copy_(averaged[i]);
            averaged[i].copy_(kept);
        }
    }

    private static InvalidOperationException Lost() =>
        new("The network has new parameters since its average was made (TorchSharp's to() makes them); make the average after the network is on its device.");

    private Tensor Keep(string name, Tensor tensor)
    {
        using var view = tensor.detach();
        return tensors[name] = view.clone().DetachFromDisposeScope();
    }

    private sealed class Back(Ema ema) : IDisposable
    {
        private Ema? ema = ema;

        public void Dispose()
        {
            ema?.Exchange();
            ema = null;
        }
    }
}
