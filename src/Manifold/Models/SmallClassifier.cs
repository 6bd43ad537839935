// A small classifier of pictures, for what its last hidden layer sees: 64 numbers that samples and data are compared by.
//
//   x [B, C, H, W] in [0, 1] --3x3, relu, halve--> 16 --3x3, relu, halve--> 32 --3x3, relu--> pooled to 4 x 4 --linear, relu--> [B, 64] --linear--> [B, K]
//
// Source: after LeCun et al. 1998, "Gradient-based learning applied to document recognition", https://doi.org/10.1109/5.726791 (LeNet);
//         without labels it tells by how many quarter turns a picture was turned: Gidaris et al. 2018, https://arxiv.org/abs/1803.07728
// Differs from them: widths, ReLU, largest values for means; any size of picture.

using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>What a small classifier is asked.</summary>
public enum ClassifierTask
{
    /// <summary>The picture's label.</summary>
    Labels,

    /// <summary>By how many quarters the picture was turned: a question that needs no labels.</summary>
    Rotations,
}

/// <summary>Settings of <see cref="SmallClassifier"/>.</summary>
public sealed record ClassifierSettings
{
    public ClassifierTask Task { get; init; } = ClassifierTask.Labels;
    public long Width { get; init; } = 16;          // maps of the first layer; the others have twice as many
    public long Features { get; init; } = 64;       // units of the last hidden layer

    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or there are no labels to tell.</exception>
    public ClassifierSettings Validated(PictureShape shape, int classes)
    {
        SettingChecks.NeedPositive(Width, "model.width");
        SettingChecks.NeedPositive(Features, "model.features");
        SettingChecks.Need(Math.Min(shape.Height, shape.Width) >= 8, "data.size", $"{shape}", "pictures of 8 pixels or more");
        SettingChecks.Need(Task == ClassifierTask.Rotations || classes > 1, "model.task", "labels", "a set with labels of two classes or more; without, --set model.task=rotations");
        SettingChecks.Need(Task == ClassifierTask.Labels || shape.Height == shape.Width, "model.task", "rotations", $"square pictures, and these are {shape}: set data.size");
        return this;
    }
}

/// <summary>Tells classes of pictures apart.</summary>
public interface IClassifier
{
    PictureShape Shape { get; }

    /// <summary>K.</summary>
    int Classes { get; }

    /// <summary>Logits of the classes, [B, K], of pictures in [0, 1].</summary>
    Tensor Logits(Tensor x);

    /// <summary>Whether it needs the labels of the pictures; what asks for turns makes its own.</summary>
    bool AsksLabels { get; }

    /// <summary>The pictures and labels that the classifier learns from, made of a batch as it comes.</summary>
    (Tensor X, Tensor Labels) Asked(Batch batch);
}

/// <summary>A small convolutional classifier.</summary>
public sealed class SmallClassifier : Module<Tensor, Tensor>, IClassifier, IFeatures
{
    private readonly Module<Tensor, Tensor> body, head;
    private readonly ClassifierSettings settings;

    public SmallClassifier(PictureShape shape, ClassifierSettings settings, int classes) : base(nameof(SmallClassifier))
    {
        this.settings = settings.Validated(shape, classes);
        (Shape, Classes) = (shape, settings.Task == ClassifierTask.Rotations ? 4 : classes);
        var (first, second) = (settings.Width, 2 * settings.Width);
        body = Sequential(
            Conv2d(shape.Channels, first, 3, padding: 1), ReLU(inplace: true), MaxPool2d(2),
            Conv2d(first, second, 3, padding: 1), ReLU(inplace: true), MaxPool2d(2),
            Conv2d(second, second, 3, padding: 1), ReLU(inplace: true), AdaptiveMaxPool2d([4, 4]),
            Flatten(), Linear(second * 16, settings.Features), ReLU(inplace: true));
        head = Linear(settings.Features, Classes);
        register_module(nameof(body), body);
        register_module(nameof(head), head);
    }

    public PictureShape Shape { get; }
    public int Classes { get; }

    /// <summary>rotnet where it was asked for turns, else lenet.</summary>
    public string Kind => settings.Task == ClassifierTask.Rotations ? "rotnet" : "lenet";

    public bool AsksLabels => settings.Task == ClassifierTask.Labels;

    public override Tensor forward(Tensor x) => head.call(body.call(x));

    public Tensor Features(Tensor x) => body.call(x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]));      // [B, 64]

    public Tensor Logits(Tensor x) => call(x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]));             // [B, K]

    public (Tensor X, Tensor Labels) Asked(Batch batch)
    {
        if (settings.Task == ClassifierTask.Labels)
            return (batch.X, batch.Labels ?? throw new ArgumentException("The set has no labels; train with model.task=rotations.", nameof(batch)));
        var turned = cat([.. Enumerable.Range(0, 4).Select(turns => batch.X.rot90(turns, dims: (2L, 3L)))]);                      // [4 B, C, H, W]
        return (turned, arange(4, device: batch.X.device).unsqueeze(1).expand(4, batch.Count).flatten());
    }
}
