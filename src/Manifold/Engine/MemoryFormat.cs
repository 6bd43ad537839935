using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Engine;

/// <summary>
/// How the four axes of pictures and kernels lie in memory: channel after channel, or the channels of a pixel side by side
/// (channels_last), which convolutions on a CPU with oneDNN prefer. Shapes are the same; only speed differs.
/// </summary>
public static class MemoryFormat
{
    /// <summary>Lays the network's kernels channels_last, in place. A convolution follows the layout of its kernel and hands it on, so models need not know.</summary>
    /// <remarks>Before an optimizer is made: its moments take the layout of their parameters.</remarks>
    public static T ToChannelsLast<T>(this T network) where T : Module
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        foreach (var (_, parameter) in network.named_parameters())
            if (parameter.Dimensions == 4) parameter.set_(Kernels.Run("channels_last", parameter)!);
        return network;
    }

    /// <summary>Whether a tensor of four axes lies channels_last; a kernel of 1 x 1, or a single channel, lies both ways.</summary>
    public static bool IsChannelsLast(Tensor x) =>
        x.Dimensions == 4 && x.stride() is var s && x.shape is var d
        && Fits(s[1], d[1], 1) && Fits(s[3], d[3], d[1]) && Fits(s[2], d[2], d[1] * d[3]) && Fits(s[0], d[0], d[1] * d[2] * d[3]);

    private static bool Fits(long stride, long size, long expected) => size == 1 || stride == expected;
}
