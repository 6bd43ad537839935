// Convolutional encoder and decoder for pictures of any size and channel count.
//
//   x [B, C, H, W] --3x3--> [B, c0, H, W] --blocks, 3x3 stride 2--> [B, c1, ceil(H/2), ceil(W/2)] ... --> flat --> outputs
//   z [B, D] --linear--> [B, cn, hn, wn] --blocks, double, crop--> ... --> [B, c0, H, W] --3x3--> [B, P, H, W]
//
// Every resolution halves the one before, rounded up; the decoder doubles and crops the odd row and column off again.
// The defaults are the networks that PixelVAE uses on MNIST (Gulrajani et al. 2016, https://arxiv.org/abs/1611.05013, and its
// code): 32, 32 s2, 32, 64 s2, 64, 64 s2, 64, 64 and the mirror. Differs from it: no weight norm.

using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Layers;

/// <summary>Settings of <see cref="ConvEncoder"/> and <see cref="ConvDecoder"/>.</summary>
public sealed record ConvSettings
{
    public IReadOnlyList<long> Channels { get; init; } = [32, 32, 64, 64];    // of the maps at each resolution, the picture's own first; each halves the one before
    public IReadOnlyList<long> Blocks { get; init; } = [0, 1, 1, 2];          // convolutions (or residual blocks) at each resolution, besides the one that arrives there
    public bool Residual { get; init; }                                       // whether a block is a residual one: x + conv(act(conv(act(x))))
    public Upsampling Upsampling { get; init; } = Upsampling.Transposed;      // how the decoder doubles

    /// <exception cref="ArgumentOutOfRangeException">The two lists differ in length or have a number out of range.</exception>
    public ConvSettings Validated(string path)
    {
        SettingChecks.Need(Channels.Count > 0 && Channels.All(width => width > 0), $"{path}.channels", $"[{string.Join(",", Channels)}]", "one or more widths above 0");
        SettingChecks.Need(Blocks.Count == Channels.Count && Blocks.All(count => count >= 0), $"{path}.blocks", $"[{string.Join(",", Blocks)}]", $"a number of 0 or more for each of the {Channels.Count} resolutions of {path}.channels");
        return this;
    }

    /// <summary>Rows and columns at each resolution, the picture's own first.</summary>
    public IReadOnlyList<(long Height, long Width)> Sizes(PictureShape shape) =>
        [.. Enumerable.Range(0, Channels.Count).Select(level => (Halved(shape.Height, level), Halved(shape.Width, level)))];

    private static long Halved(long size, int times) => (size + (1L << times) - 1) >> times;   // rounded up each time
}

/// <summary>Pictures to a row of numbers: [B, inChannels, H, W] to [B, outputs].</summary>
public sealed class ConvEncoder : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> body, head;

    public ConvEncoder(PictureShape shape, long inChannels, long outputs, ConvSettings settings, Activation activation) : base(nameof(ConvEncoder))
    {
        // Nobody else needs a convolution's output, nor its own way back, so the nonlinearity after it may write over it.
        var layers = new List<Module<Tensor, Tensor>> { Conv2d(inChannels, settings.Channels[0], 3, padding: 1) };
        for (var level = 0; level < settings.Channels.Count; level++)
        {
            if (level > 0) layers.AddRange([activation.Module(inPlace: true), Conv2d(settings.Channels[level - 1], settings.Channels[level], 3, stride: 2, padding: 1)]);
            layers.AddRange(ConvBlocks.At(level, settings, activation));
        }
        layers.Add(activation.Module(inPlace: true));
        body = Sequential(layers);
        var (height, width) = settings.Sizes(shape)[^1];
        head = Linear(settings.Channels[^1] * height * width, outputs);
        ConvBlocks.Initialize(body);
        register_module(nameof(body), body);
        register_module(nameof(head), head);
    }

    public override Tensor forward(Tensor x) => head.call(body.call(x).flatten(1));
}

/// <summary>Codes to maps of the picture's size: [B, inputs] to [B, outputs, H, W].</summary>
public sealed class ConvDecoder : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> head, body;
    private readonly long[] seed;                                               // -1 and the shape of the smallest maps

    public ConvDecoder(PictureShape shape, long inputs, long outputs, ConvSettings settings, Activation activation) : base(nameof(ConvDecoder))
    {
        var sizes = settings.Sizes(shape);
        seed = [-1, settings.Channels[^1], sizes[^1].Height, sizes[^1].Width];
        head = Linear(inputs, seed[1] * seed[2] * seed[3]);
        var layers = new List<Module<Tensor, Tensor>>();
        for (var level = settings.Channels.Count - 1; level >= 0; level--)
        {
            layers.AddRange(ConvBlocks.At(level, settings, activation));
            layers.Add(activation.Module(inPlace: true));
            if (level == 0) continue;
            layers.Add(new Upsample2x(settings.Upsampling, settings.Channels[level], settings.Channels[level - 1]));
            var (height, width) = sizes[level - 1];
            if ((2 * sizes[level].Height, 2 * sizes[level].Width) != (height, width)) layers.Add(new Crop(height, width));
        }
        var last = Conv2d(settings.Channels[0], outputs, 3, padding: 1);
        layers.Add(last);
        body = Sequential(layers);
        ConvBlocks.Initialize(body);
        Last = (last.weight!, last.bias!);
        register_module(nameof(head), head);
        register_module(nameof(body), body);
    }

    /// <summary>Weights and biases of the layer that gives the outputs; as they were made, before any move to a device.</summary>
    public (Tensor Weight, Tensor Bias) Last { get; }

    public override Tensor forward(Tensor z) => body.call(head.call(z).view(seed));
}

/// <summary>x + conv(act(conv(act(x)))), 3 x 3 each; it starts as the identity.</summary>
/// <remarks>He et al. 2016, "Identity Mappings in Deep Residual Networks", https://arxiv.org/abs/1603.05027, without its batch norm.</remarks>
public sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> conv1, conv2;
    private readonly Activation activation;

    public ResidualBlock(long channels, Activation activation) : base(nameof(ResidualBlock))
    {
        this.activation = activation;
        conv1 = Conv2d(channels, channels, 3, padding: 1);
        conv2 = Conv2d(channels, channels, 3, padding: 1);
        register_module(nameof(conv1), conv1);
        register_module(nameof(conv2), conv2);
    }

    public override Tensor forward(Tensor x) => x + conv2.call(activation.Apply(conv1.call(activation.Apply(x))));

    internal void StartAsIdentity()
    {
        foreach (var parameter in conv2.parameters()) init.zeros_(parameter);
    }
}

/// <summary>Keeps the upper left of a map.</summary>
public sealed class Crop(long height, long width) : Module<Tensor, Tensor>(nameof(Crop))
{
    public override Tensor forward(Tensor x) => x[.., .., ..(int)height, ..(int)width];
}

/// <summary>What encoder and decoder share.</summary>
internal static class ConvBlocks
{
    /// <summary>The blocks at one resolution, each with its nonlinearity before it.</summary>
    public static IEnumerable<Module<Tensor, Tensor>> At(int level, ConvSettings settings, Activation activation)
    {
        for (var i = 0; i < settings.Blocks[level]; i++)
        {
            if (settings.Residual) yield return new ResidualBlock(settings.Channels[level], activation);
            else
            {
                yield return activation.Module(inPlace: true);
                yield return Conv2d(settings.Channels[level], settings.Channels[level], 3, padding: 1);
            }
        }
    }

    /// <summary>He's deviation, sqrt(2 / inputs), and no bias: maps keep their size through any depth of ReLU.</summary>
    /// <remarks>He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10.</remarks>
    public static void Initialize(Module network)
    {
        using var _ = no_grad();
        foreach (var (_, layer) in network.named_modules())
        {
            if (layer is not (TorchSharp.Modules.Conv2d or TorchSharp.Modules.ConvTranspose2d)) continue;
            foreach (var (key, parameter) in layer.named_parameters(recurse: false))
                if (key == "bias") init.zeros_(parameter);
                else init.normal_(parameter, 0, Math.Sqrt(2.0 / Inputs(layer, parameter)));
        }
        foreach (var (_, layer) in network.named_modules()) if (layer is ResidualBlock block) block.StartAsIdentity();
    }

    // A transposed kernel is [in, out, k, k], and an output gets (k / stride)^2 of the k^2 positions.
    private static double Inputs(Module layer, Tensor weight) =>
        layer is TorchSharp.Modules.ConvTranspose2d ? weight.shape[0] * weight.shape[2] * weight.shape[3] / 4.0 : weight.shape[1] * weight.shape[2] * weight.shape[3];
}
