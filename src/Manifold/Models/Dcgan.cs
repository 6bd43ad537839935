// The convolutional pair of DCGAN, at 16, 32, 64 or 128 pixels.
//
//   z [B, D] --linear--> [B, cn, 4, 4] --norm, relu, double--> ... --> [B, c0, H/2, W/2] --norm, relu, double--> tanh [B, C, H, W]
//   x [B, C, H, W] --stride 2--> [B, c0, H/2, W/2] --leaky relu, stride 2, norm--> ... --> [B, cn, 4, 4] --linear--> score [B]
//
// Source: Radford, Metz and Chintala 2015, https://arxiv.org/abs/1511.06434, section 3, and its code for the numbers:
// no pooling; batch norm in both, but for G's output and D's input; no hidden layer fully connected; ReLU in G, tanh at its end,
// LeakyReLU of slope 0.2 in D; weights N(0, 0.02), gains N(1, 0.02).
// Differs from the code: kernels of 4 x 4 and not 5 x 5, which leave no checkerboard (upsampling=transposed_uneven has theirs);
// a layer that no norm follows has a bias; other norms in D for games that need them.

using Manifold.Data;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>DCGAN's generator.</summary>
public sealed class DcganGenerator : GanGenerator
{
    private readonly Module<Tensor, Tensor> seed;
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> ups = new();
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> norms = new();
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> styles = new();       // gains and biases of the classes, where the norms have none
    private readonly bool isTold;

    /// <param name="classes">0 where there are none.</param>
    public DcganGenerator(PictureShape shape, GanSettings settings, int classes) : base(nameof(DcganGenerator))
    {
        var widths = Dcgan.Widths(shape, settings);                                              // from the picture on
        var styled = settings.Conditioning == Conditioning.Projection;
        isTold = classes > 0 && !styled;
        seed = Linear(settings.LatentDim + (isTold ? classes : 0), widths[^1] * 16, hasBias: false);
        for (var level = widths.Count - 1; level >= 0; level--)
        {
            norms.Add(BatchNorm2d(widths[level], affine: !styled));
            if (styled) styles.Add(Linear(classes, 2 * widths[level], hasBias: false));
            ups.Add(new Upsample2x(settings.Upsampling, widths[level], level == 0 ? shape.Channels : widths[level - 1], bias: level == 0));
        }
        register_module(nameof(seed), seed);
        register_module(nameof(ups), ups);
        register_module(nameof(norms), norms);
        if (styled) register_module(nameof(styles), styles);
        Dcgan.Start(this);
        using var _ = no_grad();
        foreach (var style in styles) init.zeros_(((TorchSharp.Modules.Linear)style).weight);    // every class starts as the plain norm
    }

    public override Tensor forward(Tensor z, Tensor? condition)
    {
        var h = seed.call(isTold ? cat([z, condition!], 1) : z).view(z.shape[0], -1, 4, 4);      // [B, cn, 4, 4]
        for (var i = 0; i < ups.Count; i++)
        {
            h = norms[i].call(h);
            if (styles.Count > 0)
            {
                var style = styles[i].call(condition!).unsqueeze(-1).unsqueeze(-1).chunk(2, 1);  // [B, c, 1, 1] each
                h = (1 + style[0]) * h + style[1];
            }
            h = ups[i].call(functional.relu(h, inplace: true));
        }
        return h.tanh();                                                                         // [-1, 1]
    }
}

/// <summary>DCGAN's discriminator.</summary>
public sealed class DcganDiscriminator : GanDiscriminator
{
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> convs = new();
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> norms = new();
    private readonly Module<Tensor, Tensor> head;
    private readonly Module<Tensor, Tensor>? classifier, embedding;
    private readonly bool isTold;

    /// <param name="classes">0 where there are none.</param>
    public DcganDiscriminator(PictureShape shape, GanSettings settings, int classes) : base(nameof(DcganDiscriminator))
    {
        var widths = Dcgan.Widths(shape, settings);
        var (kernel, padding) = settings.Upsampling == Upsampling.TransposedUneven ? (5, 2) : (4, 1);
        var kind = settings.DiscriminatorNorm;
        isTold = settings.Conditioning == Conditioning.Concat;
        long channels = shape.Channels + (isTold ? classes : 0);
        foreach (var width in widths)
        {
            var hasNorm = convs.Count > 0 && kind is Norm.Batch or Norm.Layer;
            convs.Add(kind == Norm.Spectral ? new SpectralConv2d(channels, width, kernel, 2, padding) : Conv2d(channels, width, kernel, stride: 2, padding: padding, bias: !hasNorm));
            norms.Add(!hasNorm ? Identity() : kind == Norm.Batch ? BatchNorm2d(width) : GroupNorm(1, width));
            channels = width;
        }
        head = Make(channels * 16, 1);
        if (settings.Conditioning == Conditioning.Classifier) classifier = Make(channels * 16, classes);
        if (settings.Conditioning == Conditioning.Projection) embedding = Make(classes, channels);
        register_module(nameof(convs), convs);
        register_module(nameof(norms), norms);
        register_module(nameof(head), head);
        if (classifier is not null) register_module(nameof(classifier), classifier);
        if (embedding is not null) register_module(nameof(embedding), embedding);
        Dcgan.Start(this);

        Module<Tensor, Tensor> Make(long inputs, long outputs) => kind == Norm.Spectral ? new SpectralLinear(inputs, outputs) : Linear(inputs, outputs);
    }

    public override Verdict forward(Tensor x, Tensor? condition)
    {
        var h = Layers(x, condition)[^1];                                                        // [B, cn, 4, 4]
        var flat = h.flatten(1);
        var score = head.call(flat).squeeze(1);                                                  // [B]
        if (embedding is not null) score = score + (embedding.call(condition!) * h.sum([2, 3])).sum(dim: 1);   // Miyato and Koyama 2018, equation 3
        return new Verdict(score, classifier?.call(flat));
    }

    public override IReadOnlyList<Tensor> Layers(Tensor x, Tensor? condition = null)
    {
        var h = isTold ? cat([x, condition!.unsqueeze(-1).unsqueeze(-1).expand(-1, -1, x.shape[2], x.shape[3])], 1) : x;
        var layers = new List<Tensor>();
        for (var i = 0; i < convs.Count; i++) layers.Add(h = functional.leaky_relu(norms[i].call(convs[i].call(h)), 0.2, inplace: true));
        return layers;
    }
}

/// <summary>What the two share.</summary>
internal static class Dcgan
{
    /// <summary>Maps at H/2, H/4, ..., 4: twice as many at each halving.</summary>
    public static IReadOnlyList<long> Widths(PictureShape shape, GanSettings settings)
    {
        var widths = new List<long>();
        for (var size = shape.Height / 2; size >= 4; size /= 2) widths.Add(settings.Width << widths.Count);
        return widths;
    }

    /// <summary>Weights N(0, 0.02), gains N(1, 0.02), biases 0.</summary>
    public static void Start(Module network)
    {
        using var _ = no_grad();
        foreach (var (_, layer) in network.named_modules())
            foreach (var (key, parameter) in layer.named_parameters(recurse: false))
                if (key == "bias") init.zeros_(parameter);
                else if (layer is TorchSharp.Modules.BatchNorm2d or TorchSharp.Modules.GroupNorm) init.normal_(parameter, 1, 0.02);
                else if (layer is not (SpectralConv2d or SpectralLinear)) init.normal_(parameter, 0, 0.02);
    }
}
