using System.Security.Cryptography;
using System.Text;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>A network that turns pictures into the features that samples and data are compared by. Numbers of two extractors must never be compared, so its name and hash go into every result.</summary>
public sealed class Extractor : IDisposable
{
    private const int BatchSize = 100;
    private readonly Func<Tensor, Tensor> features;                            // [B, C, H, W] in [0, 1], of its own size, to [B, F]
    private readonly Func<Tensor, Tensor>? logits;
    private readonly Func<string> fullHash;
    private IDisposable? owned;

    private Extractor(string name, string hash, Func<string> fullHash, PictureShape? shape, Func<Tensor, Tensor> features, Func<Tensor, Tensor>? logits) =>
        (Name, Hash, this.fullHash, Shape, this.features, this.logits) = (name, hash, fullHash, shape, features, logits);

    /// <summary>Ends the process of a script, and lets go of the network inside the library; a network that was given is its owner's.</summary>
    public void Dispose() => owned?.Dispose();

    /// <summary>lenet, rotnet or script.</summary>
    public string Name { get; }

    /// <summary>The beginning of the SHA-256 of its weights' file.</summary>
    public string Hash { get; }

    /// <summary>The SHA-256 of the weights that it has now and of the size of its pictures; of the whole file of a script.</summary>
    internal string FullHash => fullHash();

    /// <summary>Of the pictures that it was trained on; others are resized to it. Null for a script, which does as it likes.</summary>
    public PictureShape? Shape { get; }

    /// <summary>Whether it tells labels apart.</summary>
    public bool Classifies => logits is not null;

    /// <summary>A small classifier; one that was asked for labels tells them apart too.</summary>
    public static Extractor Of(SmallClassifier model, string hash)
    {
        model.eval();
        return new Extractor(model.Kind, hash, () => HashOf([.. Encoding.UTF8.GetBytes($"{model.Shape};"), .. Checkpoints.SafeTensors.Write(model.state_dict())]), model.Shape, model.Features, model.Kind == "lenet" ? model.Logits : null);
    }

    /// <summary>The classifier inside the library, of the bundled pictures at 32 x 32; docs/results says how it was made and how often it is right.</summary>
    public static Extractor Bundled()
    {
        using var stream = System.Reflection.Assembly.GetExecutingAssembly().GetManifestResourceStream("Manifold.Evaluation.Bundled.lenet-bundled.safetensors")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        using var scope = NewDisposeScope();
        var model = new SmallClassifier(new PictureShape(1, 32, 32), new ClassifierSettings(), 10);
        var stored = model.state_dict().ToDictionary(tensor => $"model.{tensor.Key}", tensor => zeros_like(tensor.Value, ScalarType.Float16));   // half the room; what is lost is not seen
        Checkpoints.SafeTensors.ReadInto(bytes, stored, "the bundled lenet");
        using var _ = no_grad();
        foreach (var (name, tensor) in model.state_dict())
        {
            tensor.copy_(stored[$"model.{name}"]);
            tensor.DetachFromDisposeScope();
        }
        var extractor = Of(model, HashOf(bytes)[..16]);
        extractor.owned = model;
        return extractor;
    }

    /// <summary>
    /// A TorchScript file that takes pictures of 0 to 255, [B, 3, H, W], and gives [B, F], as the customary Inception files do; one whose
    /// forward has a switch return_features is told so, since it gives classes otherwise. It is code, and runs in a <see cref="ScriptProcess"/>.
    /// </summary>
    /// <param name="limit">How long a batch of 100 pictures may take; ten minutes if null.</param>
    /// <exception cref="MetricException">It cannot be loaded, fails on pictures, takes too long, ends its process, or gives something else.</exception>
    public static Extractor Script(string path, TimeSpan? limit = null) => Script(ScriptFile.Read(path), limit);

    /// <summary>The same of a file that was read, so that its hash could be looked at before it runs.</summary>
    public static Extractor Script(ScriptFile file, TimeSpan? limit = null)
    {
        var process = new ScriptProcess(file, limit);
        return new Extractor("script", file.ShortHash, () => file.Hash, null, x =>
        {
            var bytes = (x * 255).round();
            return process.Features((x.shape[1] == 3 ? bytes : bytes.expand(-1, 3, -1, -1)).to_type(ScalarType.Float32).cpu());
        }, null)
        { owned = process };
    }

    /// <summary>Features of one picture; a covariance of so many takes half a gigabyte in float64. Inception has 2,048.</summary>
    internal const int LargestWidth = 8_192;

    /// <summary>Features of pictures in [0, 1], [N, C, H, W]: [N, F], float32.</summary>
    /// <exception cref="MetricException">The pictures have other channels than the extractor, or the features are not finite or too many.</exception>
    public Tensor Features(Tensor pictures) => Through(features, pictures);

    /// <summary>The classes' probabilities, [N, K].</summary>
    /// <exception cref="MetricException">The extractor tells no labels apart.</exception>
    public Tensor Probabilities(Tensor pictures)
    {
        if (logits is null) throw new MetricException($"{Name} tells no labels apart; this metric needs lenet, a classifier trained on labels.");
        using var scope = NewDisposeScope();
        return Through(logits, pictures).softmax(1).MoveToOuterDisposeScope();
    }

    /// <summary>How pictures of this size come to the extractor's.</summary>
    public string ResizeOf(PictureShape shape) => Shape is not { } own ? "as the script does" : own.Height == shape.Height && own.Width == shape.Width ? "none" : $"bilinear with antialias, {shape.Height}x{shape.Width} to {own.Height}x{own.Width}";

    private Tensor Through(Func<Tensor, Tensor> network, Tensor pictures)
    {
        pictures.ExpectShape([-1, -1, -1, -1]);
        if (Shape is { } own && own.Channels != pictures.shape[1])
            throw new MetricException($"{Name} is of pictures with {own.Channels} channel{(own.Channels == 1 ? "" : "s")}, and these have {pictures.shape[1]}. Train one on this set: ./manifold train features --data SET.");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return cat([.. pictures.split(BatchSize).Select(some =>
        {
            using var step = NewDisposeScope();
            return Usable(network(Sized(some))).MoveToOuterDisposeScope();
        })]).MoveToOuterDisposeScope();
    }

    // Metrics sort, count and factorize: NaN becomes a number there, and wide features a matrix that no memory holds.
    private Tensor Usable(Tensor rows)
    {
        if (rows.shape[1] > LargestWidth)
            throw new MetricException($"{Name} gives {rows.shape[1]:N0} features for each picture; metrics take {LargestWidth:N0} at most.");
        if (!rows.isfinite().all().item<bool>())
            throw new MetricException($"{Name} gives features that are NaN or infinite; a metric needs finite numbers. Mend the extractor, or name another with --features.");
        return rows;
    }

    private Tensor Sized(Tensor x) => Shape is { } own && (own.Height != x.shape[2] || own.Width != x.shape[3])
        ? nn.functional.interpolate(x, size: [own.Height, own.Width], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true).clamp(0, 1)
        : x;

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
