using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Layers;

/// <summary>How a decoder doubles the size of its maps.</summary>
public enum Upsampling
{
    /// <summary>A transposed convolution of 4 x 4 with stride 2: every output gets two inputs each way, so none is favoured.</summary>
    Transposed,

    /// <summary>A transposed convolution of 5 x 5 with stride 2, as in DCGAN's code: outputs get two and three inputs in turn, which shows as a checkerboard.</summary>
    TransposedUneven,

    /// <summary>Every value doubled, then a 3 x 3 convolution.</summary>
    Nearest,

    /// <summary>Resized with straight lines between values, then a 3 x 3 convolution.</summary>
    Bilinear,

    /// <summary>A 3 x 3 convolution to four times the channels, which are laid out two by two.</summary>
    Subpixel,
}

/// <summary>One doubling: [B, in, H, W] to [B, out, 2H, 2W].</summary>
/// <remarks>Odena, Dumoulin and Olah 2016, https://distill.pub/2016/deconv-checkerboard; sub-pixel: Shi et al. 2016, https://arxiv.org/abs/1609.05158.</remarks>
public sealed class Upsample2x : Module<Tensor, Tensor>
{
    private readonly Upsampling kind;
    private readonly Module<Tensor, Tensor> conv;

    public Upsample2x(Upsampling kind, long inChannels, long outChannels, bool bias = true) : base(nameof(Upsample2x))
    {
        this.kind = kind;
        conv = kind switch
        {
            Upsampling.Transposed => ConvTranspose2d(inChannels, outChannels, 4, stride: 2, padding: 1, bias: bias),
            Upsampling.TransposedUneven => ConvTranspose2d(inChannels, outChannels, 5, stride: 2, padding: 2, output_padding: 1, bias: bias),
            Upsampling.Subpixel => Conv2d(inChannels, 4 * outChannels, 3, padding: 1, bias: bias),
            _ => Conv2d(inChannels, outChannels, 3, padding: 1, bias: bias),
        };
        register_module(nameof(conv), conv);
    }

    public override Tensor forward(Tensor x) => kind switch
    {
        Upsampling.Nearest => conv.call(functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest)),
        Upsampling.Bilinear => conv.call(functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Bilinear, align_corners: false)),
        Upsampling.Subpixel => functional.pixel_shuffle(conv.call(x), 2),
        _ => conv.call(x),
    };
}
