using System.Security.Cryptography;
using System.Text;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>A network that turns pictures into the features that samples and data are compared by. Numbers of two extractors must never be compared, so its name and hash go into every result.</summary>
public sealed partial class Extractor
{
    private const int BatchSize = 100;
    private readonly Func<Tensor, Tensor> features;                            // [B, C, H, W] in [0, 1], of its own size, to [B, F]
    private readonly Func<Tensor, Tensor>? logits;
    private readonly Func<string> fullHash;

    private Extractor(string name, string hash, Func<string> fullHash, PictureShape? shape, Func<Tensor, Tensor> features, Func<Tensor, Tensor>? logits) =>
        (Name, Hash, this.fullHash, Shape, this.features, this.logits) = (name, hash, fullHash, shape, features, logits);

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
        return Of(model, HashOf(bytes)[..16]);
    }

    /// <summary>A TorchScript file that takes pictures of 0 to 255, [B, 3, H, W], and gives [B, F], as the customary Inception files do; one whose forward has a switch return_features is told so, since it gives classes otherwise.</summary>
    /// <exception cref="MetricException">It cannot be loaded, fails on pictures, or gives something else.</exception>
    public static Extractor Script(string path)
    {
        if (!File.Exists(path)) throw new MetricException($"There is no file {path}; --features needs the folder of a run of features, or a TorchScript file.");
        jit.ScriptModule script;
        bool hasSwitch;
        try { (script, hasSwitch) = (jit.load(path), HasSwitch(path)); }
        catch (Exception e) when (e is not OutOfMemoryException) { throw new MetricException($"{path} is not a TorchScript file that libtorch can load: {e.Message.Split('\n')[0]}"); }
        script.eval();
        var hash = HashOf(File.ReadAllBytes(path));
        return new Extractor("script", hash[..16], () => hash, null, x =>
        {
            var bytes = (x * 255).round();
            var colour = x.shape[1] == 3 ? bytes : bytes.expand(-1, 3, -1, -1);
            object answer;
            try { answer = hasSwitch ? script.call(colour, true) : script.call(colour); }
            catch (Exception e) when (e is System.Runtime.InteropServices.ExternalException or InvalidOperationException)
            {
                throw new MetricException($"{path} failed on pictures [{string.Join(", ", colour.shape)}] of 0 to 255: {e.Message.Split('\n')[0]}");
            }
            return answer is Tensor row && row.dim() >= 2 && row.shape[0] == x.shape[0] ? row.flatten(1)
                : throw new MetricException($"{path} gives {(answer is Tensor other ? $"[{string.Join(", ", other.shape)}]" : answer.GetType().Name)} for {x.shape[0]} pictures; it needs to give a tensor with a row of features for each.");
        }, null);
    }

    // The code lies in the file as text.
    private static bool HasSwitch(string path)
    {
        using var file = System.IO.Compression.ZipFile.OpenRead(path);
        foreach (var entry in file.Entries.Where(entry => entry.Name.EndsWith(".py", StringComparison.Ordinal)))
        {
            using var text = new StreamReader(entry.Open());
            if (Switch().IsMatch(text.ReadToEnd())) return true;
        }
        return false;
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"def forward\(self[^,]*,\s*\w+: Tensor,\s*return_features: bool")]
    private static partial System.Text.RegularExpressions.Regex Switch();

    /// <summary>Features of pictures in [0, 1], [N, C, H, W]: [N, F], float32.</summary>
    /// <exception cref="MetricException">The pictures have other channels than the extractor.</exception>
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
            return network(Sized(some)).MoveToOuterDisposeScope();
        })]).MoveToOuterDisposeScope();
    }

    private Tensor Sized(Tensor x) => Shape is { } own && (own.Height != x.shape[2] || own.Width != x.shape[3])
        ? nn.functional.interpolate(x, size: [own.Height, own.Width], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true).clamp(0, 1)
        : x;

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
