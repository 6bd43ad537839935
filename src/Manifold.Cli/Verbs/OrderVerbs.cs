using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>What only models of order can do: say how likely a picture is, pixel by pixel, and go on where one leaves off.</summary>
internal static class OrderVerbs
{
    public static Command Score()
    {
        var run = Verb.Run();
        var pictures = new Argument<string[]>("PICTURES") { Description = "PNG, JPEG or WebP files of the model's size; pictures of the run's data if none are given.", Arity = ArgumentArity.ZeroOrMore };
        var (data, dataRoot, split, count) = PictureVerbs.DataOptions(8);
        var only = new Option<int?>("--class") { Description = "For a model that is told the class: of these files.", HelpName = "N" };
        var weights = Verb.Weights();
        var device = Verb.Device();
        var json = Verb.Json();
        var output = new Option<string?>("--out") { Description = "A folder for maps of where each picture surprises: black where it does not, white where it does most.", HelpName = "DIR" };
        var command = new Command("score", "Say how likely pictures are: exact, in nats and bits, with a map of what surprises.") { run, pictures, data, dataRoot, split, count, only, weights, device, json, output };
        command.SetAction(parsed => Verb.Do(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = inference_mode();
            using var trained = Verb.Open(parsed.GetRequiredValue(run), parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!));
            var model = trained.As<IAutoregressive>("gives each pixel its probability");
            var files = parsed.GetValue(pictures) ?? [];
            var label = Verb.ClassOf(parsed.GetValue(only), trained, model.Classes);
            if (files.Length == 0 && label is not null) throw new SettingsException($"--class is {label}, and it is of files; pictures of the run's data have their own. Name files, or leave it out.");
            var part = files.Length > 0 ? Split.OfFiles(files, model.Shape, trained.Recipe.Data) : trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot)).Part(parsed.GetValue(split)!);
            var number = files.Length > 0 ? files.Length : Math.Min(Verb.AtLeast(1, parsed.GetValue(count), "--count"), part.Count);
            var maps = new List<Tensor>();
            for (var at = 0; at < number; at += 100)
            {
                var batch = part.InOrder(at, Math.Min(100, number - at), PixelRange.Unit).To(trained.Device);
                if (files.Length > 0 && model.Classes > 0)
                    batch = batch with { Labels = full([batch.Count], label ?? throw new SettingsException("The model is told the class; say which these files are of, with --class."), ScalarType.Int64, trained.Device) };
                maps.Add(model.Surprise(batch).cpu());
            }
            var surprise = cat(maps);                                                                     // [N, H, W], nats
            var most = surprise.max().item<float>();
            for (var i = 0; i < number; i++)
            {
                var nats = surprise[i].to_type(ScalarType.Float64).sum().item<double>();
                var name = files.Length > 0 ? files[i] : part.NameOf(i);
                var bits = nats / model.Shape.Dims / Math.Log(2);
                var path = parsed.GetValue(output) is { } folder ? Path.Combine(folder, $"{i:D5}-{(files.Length > 0 ? Path.GetFileNameWithoutExtension(name) : part.Name)}.png") : null;
                Console.WriteLine(parsed.GetValue(json)
                    ? Line(trained, part, name, nats, bits, path).ToJsonString()
                    : string.Create(CultureInfo.InvariantCulture, $"{nats,12:F3} nats {bits,9:F4} bits a value  {name}"));
                if (path is null) continue;
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                AtomicFile.Write(path, Grid.Of((surprise[i] / most).unsqueeze(0).unsqueeze(0), 1, gap: 0).ToPng());
                if (!parsed.GetValue(json)) Console.WriteLine(path);
            }
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold score runs/00000-gated-pixelcnn-bundled one.png two.png --out maps");
    }

    // Where there is a map, the object names it: nothing but objects may lie on the standard output.
    private static JsonObject Line(TrainedModel trained, Split part, string name, double nats, double bits, string? map)
    {
        var line = new JsonObject
        {
            ["picture"] = name,
            ["nll"] = nats,
            ["unit"] = "nats",
            ["bits_per_dim"] = bits,
            ["binarization"] = part.Binarize.ToString().ToLowerInvariant(),
            ["weights"] = trained.Weights,
            ["examples_seen"] = trained.Checkpoint.ExamplesSeen,
        };
        if (map is not null) line["map"] = map;
        return line;
    }

    public static Command Complete()
    {
        var run = Verb.Run();
        var picture = new Argument<string?>("PICTURE") { Description = "A PNG, JPEG or WebP file of the model's size; one of the run's data if not given.", Arity = ArgumentArity.ZeroOrOne };
        var keep = new Option<string>("--keep") { Description = "What stays: top or left (half), or a picture that is white where it stays.", HelpName = "top|left|MASK", DefaultValueFactory = _ => "top" };
        var seeds = new Option<string>("--seeds") { Description = "One way to go on for each.", HelpName = "0-7", DefaultValueFactory = _ => "0-7" };
        var index = new Option<int>("--index") { Description = "Which of the validation part, if no file is given.", HelpName = "N" };
        var only = new Option<int?>("--class") { Description = "For a model that is told the class: which.", HelpName = "N" };
        var temperature = new Option<double>("--temperature") { Description = "1 for the model's own law, below 1 for what it finds likelier.", HelpName = "T", DefaultValueFactory = _ => 1 };
        var dataRoot = Verb.DataRoot();
        var weights = Verb.Weights();
        var device = Verb.Device();
        var output = Verb.Out();
        var command = new Command("complete", "Keep a part of a picture and draw the rest, in several ways.") { run, picture, keep, seeds, index, only, temperature, dataRoot, weights, device, output };
        command.SetAction(parsed => Verb.Do(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var trained = Verb.Open(parsed.GetRequiredValue(run), parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!));
            var model = trained.As<IAutoregressive>("draws a picture pixel by pixel");
            var mask = Mask(parsed.GetValue(keep)!, model.Shape);
            var part = parsed.GetValue(picture) is { } file ? Split.OfFiles([file], model.Shape, trained.Recipe.Data) : trained.OpenData(null, parsed.GetValue(dataRoot)).Validation;
            var at = parsed.GetValue(picture) is null ? Verb.AtLeast(0, parsed.GetValue(index), "--index") : 0;
            if (at >= part.Count) throw new SettingsException($"--index is {at}; the part has {part.Count} pictures.");
            var batch = part.InOrder(at, 1, PixelRange.Unit).To(trained.Device);
            var numbers = SeedRange.Parse(parsed.GetValue(seeds)!);
            var label = Verb.ClassOf(parsed.GetValue(only), trained, model.Classes) is { } named ? full([1], named, ScalarType.Int64) : batch.Labels;
            var condition = Condition.OneHot(label, model.Classes)?.to(trained.Device).expand(numbers.Count, -1);
            var known = batch.X.expand(numbers.Count, -1, -1, -1);
            using var watch = new DrawingWatch(numbers.Count);
            var drawn = watch.Drawn(progress => Cached.Draw(model, Ancestral.Uniforms(model, numbers).to(trained.Device), new Drawing { Condition = condition, Known = known, Keep = mask, Temperature = parsed.GetValue(temperature), Progress = progress }));
            var kept = batch.X * mask + 0.5 * (1 - mask);                                                 // grey where it will be drawn
            var path = parsed.GetValue(output) ?? Path.Combine(trained.Run.Path, "complete.png");
            return Verb.Write(path, Grid.Of(cat([kept, drawn, batch.X]), Math.Min(10, numbers.Count + 2)).ToPng());
        }));
        return command.WithExample("./manifold complete runs/00000-gated-pixelcnn-bundled --keep top --seeds 0-7 --out completions.png");
    }

    // [H, W], 1 where the picture stays.
    private static Tensor Mask(string keep, PictureShape shape)
    {
        var mask = zeros(shape.Height, shape.Width);
        if (keep == "top") mask[..(shape.Height / 2)] = 1;
        else if (keep == "left") mask[.., ..(shape.Width / 2)] = 1;
        else
        {
            if (!Path.Exists(keep)) throw new SettingsException($"--keep is {keep}; it needs top, left or a picture's file, white where the picture stays.");
            var drawn = PictureFile.Read(keep);
            if (drawn.Shape.Height != shape.Height || drawn.Shape.Width != shape.Width) throw new SettingsException($"{keep} is {drawn.Shape}; a mask for this model needs {shape.Height} x {shape.Width} pixels.");
            mask = tensor(drawn.Values.Take(shape.Height * shape.Width).Select(value => value >= 128 ? 1f : 0f).ToArray(), [shape.Height, shape.Width]);
        }
        return mask;
    }
}
