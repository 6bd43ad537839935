using System.CommandLine;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>The verbs that end in one picture: sample, reconstruct, manifold; and what they share with those that walk.</summary>
internal static class PictureVerbs
{
    public static Command Sample()
    {
        var seeds = new Option<string>("--seeds") { Description = "One picture for each; a seed means the same code whatever the others and the device.", HelpName = "0-63", DefaultValueFactory = _ => "0-63" };
        var pixels = new Option<string>("--pixels") { Description = "The mean of each pixel, or a draw of it.", HelpName = "mean|draw", DefaultValueFactory = _ => "mean" };
        pixels.AcceptOnlyFromAmong("mean", "draw");
        var only = new Option<int?>("--class") { Description = "For a model that is told the class: this one, by its number; all in turn if not given.", HelpName = "N" };
        var temperature = new Option<double>("--temperature") { Description = "For a model of order: 1 for its own law, below 1 for what it finds likelier.", HelpName = "T", DefaultValueFactory = _ => 1 };
        var live = new Option<string?>("--live") { Description = "For a model of order: a PNG that is written again every second as rows are drawn.", HelpName = "FILE" };
        var truncation = new Option<double?>("--truncation") { Description = "For a model with codes: draw them within so many deviations of the prior: fewer kinds, and better ones only of a model that is good there.", HelpName = "T" };
        var size = new Option<string?>("--size") { Description = "For a model of order made of convolutions: rows and columns other than those it was trained for.", HelpName = "HxW" };
        return Make("sample", "Draw pictures.", "./manifold sample runs/first --seeds 0-63 --out samples.png", [seeds, pixels, only, temperature, truncation, live, size], (trained, parsed, _) => [Drawn(trained, parsed)], moves: false, size);

        Picture Drawn(TrainedModel trained, ParseResult parsed)
        {
            var classes = Samples.Classes(trained.Model);
            var numbers = SeedRange.Parse(parsed.GetValue(seeds)!);
            Verb.ClassOf(parsed.GetValue(only), trained, classes);
            if (trained.Model is not IAutoregressive && (parsed.GetValue(temperature) != 1 || parsed.GetValue(live) is not null))
                throw new SettingsException($"--temperature and --live are for models of order, which draw pixel by pixel; {trained.Run.Path} is of a {trained.Model.GetType().Name}.");
            if (trained.Model is not IDecoder && parsed.GetValue(truncation) is not null)
                throw new SettingsException($"--truncation is for models with codes; {trained.Run.Path} is of a {trained.Model.GetType().Name}, which has --temperature.");
            var columns = classes is > 1 and <= 16 && parsed.GetValue(only) is null ? classes : Columns(numbers.Count);
            using var watch = new DrawingWatch(numbers.Count, parsed.GetValue(live), columns);
            return Sheet.Of(cat([.. numbers.Chunk(100).Select(some => watch.Drawn(progress => Samples.Of(trained.Model, some, trained.Device, draw: parsed.GetValue(pixels) == "draw", parsed.GetValue(only), parsed.GetValue(temperature), progress, parsed.GetValue(truncation))))]), columns);
        }
    }

    // 40x30, or 40 for a square.
    private static (int, int)? SizeOf(string? size)
    {
        if (size is null) return null;
        var sides = size.Split('x').Select(side => int.TryParse(side, out var pixels) && pixels is > 0 and <= 1024 ? pixels : 0).ToArray();
        if (sides.Length > 2 || sides.Contains(0)) throw new SettingsException($"--size is {size}; it needs rows and columns, such as 40x30, each 1 to 1024.");
        return (sides[0], sides[^1]);
    }

    public static Command Reconstruct()
    {
        var (data, dataRoot, split, count) = DataOptions(32);
        return Make("reconstruct", "Show pictures and, below each, what the model makes of it.", "./manifold reconstruct runs/first --out reconstructions.png", [data, dataRoot, split, count], (trained, parsed) =>
        {
            IDecoder decoder = trained.As<IDecoder>("makes pictures of codes");
            var encoder = trained.As<IEncoder>("finds the code of a picture");
            var set = trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot));
            var batch = Pictures(set.Part(parsed.GetValue(split)!), parsed.GetValue(count)).To(trained.Device);
            var (x, xHat) = (batch.X, decoder.Decode(encoder.Encode(batch).Code, Condition.OneHot(batch.Labels, decoder.Classes)));   // [N, C, H, W] both
            if (set.Shape.IsPoint) return Scatter.Of(Scatter.Reach(x), x, xHat);
            var columns = Math.Min(8, (int)x.shape[0]);
            var rows = x.split(columns).Zip(xHat.split(columns)).SelectMany(pair => new[] { Padded(pair.First, columns), Padded(pair.Second, columns) });
            return Grid.Of(cat([.. rows]), columns);
        });
    }

    public static Command Manifold()
    {
        var size = new Option<int>("--size") { Description = "Pictures on a side.", HelpName = "N", DefaultValueFactory = _ => 20 };
        var only = new Option<int?>("--class") { Description = "For a model that is told the class: whose manifold; 0 if not given.", HelpName = "N" };
        return Make("manifold", "Show the whole manifold of a model with two latents, at equal steps of probability.", "./manifold manifold runs/00000-vae-2d-bundled --out sheet.png", [size, only], (trained, parsed) =>
        {
            var model = trained.As<IDecoder>("makes pictures of codes");
            if (model.LatentDim != 2)
                throw new SettingsException($"{trained.Run.Path} has {model.LatentDim} latents; a sheet needs 2. Train vae-2d, or walk with `./manifold interpolate`.");
            var n = Verb.AtLeast(2, parsed.GetValue(size), "--size");
            Verb.AtMost((long)n * n, $"--size {n}");
            var condition = Condition.OneHot(full([n * n], Verb.ClassOf(parsed.GetValue(only), trained, model.Classes) ?? 0, ScalarType.Int64), model.Classes)?.to(trained.Device);
            var pictures = model.Decode(Latents.Sheet(n, model.Prior).to(trained.Device), condition);
            return model.Shape.IsPoint ? Sheet.Of(pictures, n) : Grid.Of(pictures, n, gap: 0);
        });
    }

    private static Command Make(string name, string description, string example, Option[] own, Func<TrainedModel, ParseResult, Picture> draw) =>
        Make(name, description, example, own, (trained, parsed, _) => [draw(trained, parsed)], moves: false);

    /// <summary>A verb that draws.</summary>
    /// <param name="draw">The picture, or the frames of a GIF if the last argument says that one is wanted.</param>
    /// <param name="size">The option, among its own, that asks for another size of the model's pictures.</param>
    internal static Command Make(string name, string description, string example, Option[] own, Func<TrainedModel, ParseResult, bool, IReadOnlyList<Picture>> draw, bool moves, Option<string?>? size = null)
    {
        var run = Verb.Run();
        var weights = Verb.Weights();
        var device = Verb.Device();
        var output = Verb.Out();
        var command = new Command(name, description) { run, weights, device, output };
        foreach (var option in own) command.Add(option);
        command.SetAction(parsed => Verb.Do(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var trained = Verb.Open(parsed.GetRequiredValue(run), parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!), SizeOf(size is null ? null : parsed.GetValue(size)));
            var path = parsed.GetValue(output) ?? Path.Combine(trained.Run.Path, $"{name}.png");
            var isGif = path.EndsWith(".gif", StringComparison.OrdinalIgnoreCase);
            if (isGif && !moves) throw new SettingsException($"--out is {path}, and {name} makes one picture; it needs a name that ends in .png.");
            if (!isGif && !path.EndsWith(".png", StringComparison.OrdinalIgnoreCase)) throw new SettingsException($"--out is {path}; it needs a name that ends in .png{(moves ? " or, for an animation, .gif" : "")}.");
            var pictures = draw(trained, parsed, isGif);
            return Verb.Write(path, isGif ? Gif.Of(pictures) : pictures[0].ToPng());
        }));
        return command.WithExample(example);
    }

    internal static (Option<string?>, Option<string?>, Option<string>, Option<int>) DataOptions(int count) =>
        (Verb.Data(), Verb.DataRoot(),
         new Option<string>("--split") { Description = "validation, train or test.", HelpName = "S", DefaultValueFactory = _ => "validation" },
         new Option<int>("--count") { Description = "Pictures to take, or walks to make.", HelpName = "N", DefaultValueFactory = _ => count });

    internal static Batch Pictures(Split split, int count)
    {
        if (count < 1) throw new SettingsException($"--count is {count}; it needs 1 or more.");
        return split.InOrder(0, Math.Min(count, split.Count), PixelRange.Unit);
    }

    // The last row of originals may be short; grey fills it, so that its reconstructions still stand below.
    private static Tensor Padded(Tensor row, int columns) =>
        row.shape[0] == columns ? row : cat([row, full_like(row[..1], 0.5f).expand(columns - row.shape[0], -1, -1, -1)]);

    private static int Columns(int count) => (int)Math.Ceiling(Math.Sqrt(count));
}
