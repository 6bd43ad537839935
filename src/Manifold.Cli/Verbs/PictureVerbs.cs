using System.CommandLine;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>The verbs that end in a PNG: sample, reconstruct, interpolate, traverse, manifold.</summary>
internal static class PictureVerbs
{
    public static Command Sample()
    {
        var seeds = new Option<string>("--seeds") { Description = "One picture for each; a seed means the same code whatever the others and the device.", HelpName = "0-63", DefaultValueFactory = _ => "0-63" };
        return Make("sample", "Draw pictures from the prior.", "./manifold sample runs/first --seeds 0-63 --out samples.png", [seeds], (trained, parsed) =>
        {
            var model = trained.As<IDecoder>("makes pictures of codes");
            var numbers = SeedRange.Parse(parsed.GetValue(seeds)!);
            return Grid.Of(model.Decode(Latents.FromSeeds(numbers, model.LatentDim).to(trained.Device)), Columns(numbers.Count));
        });
    }

    public static Command Reconstruct()
    {
        var (data, dataRoot, split, count) = DataOptions(32);
        return Make("reconstruct", "Show pictures and, below each, what the model makes of it.", "./manifold reconstruct runs/first --out reconstructions.png", [data, dataRoot, split, count], (trained, parsed) =>
        {
            IDecoder decoder = trained.As<IDecoder>("makes pictures of codes");
            var encoder = trained.As<IEncoder>("finds the code of a picture");
            var set = trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot));
            var x = Pictures(set.Part(parsed.GetValue(split)!), parsed.GetValue(count)).to(trained.Device);   // [N, C, H, W]
            var xHat = decoder.Decode(encoder.Encode(x).Mu);                                                  // [N, C, H, W]
            var columns = Math.Min(8, (int)x.shape[0]);
            var rows = x.split(columns).Zip(xHat.split(columns)).SelectMany(pair => new[] { Padded(pair.First, columns), Padded(pair.Second, columns) });
            return Grid.Of(cat([.. rows]), columns);
        });
    }

    public static Command Interpolate()
    {
        var (data, dataRoot, split, count) = DataOptions(6);
        var steps = new Option<int>("--steps") { Description = "Pictures in a row, both ends included.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var seeds = new Option<string?>("--seeds") { Description = "Walk between codes of the prior, two seeds a row, and not between pictures of the data.", HelpName = "0-11" };
        var along = new Option<string>("--along") { Description = "The straight line between two codes, or the arc, which keeps their distance from the origin.", HelpName = "line|arc", DefaultValueFactory = _ => "line" };
        along.AcceptOnlyFromAmong("line", "arc");
        return Make("interpolate", "Walk from code to code; a row a walk.", "./manifold interpolate runs/first --seeds 0-11 --out walk.png", [data, dataRoot, split, count, steps, seeds, along], (trained, parsed) =>
        {
            var decoder = trained.As<IDecoder>("makes pictures of codes");
            Tensor ends;                                                                                       // [2 rows, D]
            if (parsed.GetValue(seeds) is { } range) ends = Latents.FromSeeds(SeedRange.Parse(range), decoder.LatentDim).to(trained.Device);
            else
            {
                var set = trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot));
                ends = trained.As<IEncoder>("finds the code of a picture; use --seeds").Encode(Pictures(set.Part(parsed.GetValue(split)!), 2 * parsed.GetValue(count)).to(trained.Device)).Mu;
            }
            if (ends.shape[0] < 2) throw new SettingsException("A walk needs two codes; give --seeds a range of at least two, such as 0-11.");
            var rows = Enumerable.Range(0, (int)ends.shape[0] / 2).Select(row => (parsed.GetValue(along) == "arc" ? Latents.Arc : (Func<Tensor, Tensor, int, Tensor>)Latents.Line)(ends[2 * row], ends[2 * row + 1], Verb.AtLeast(2, parsed.GetValue(steps), "--steps")));
            return Grid.Of(decoder.Decode(cat([.. rows])), parsed.GetValue(steps));
        });
    }

    public static Command Traverse()
    {
        const int measured = 500;                                                                              // examples that the order of the latents is taken from
        var seed = new Option<long>("--seed") { Description = "The code that is changed, drawn from the prior.", HelpName = "S" };
        var rows = new Option<int>("--rows") { Description = "Latents to show, those that say most about a picture first.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var steps = new Option<int>("--steps") { Description = "Pictures in a row.", HelpName = "N", DefaultValueFactory = _ => 11 };
        var reach = new Option<double>("--reach") { Description = "A latent goes from minus this to this; the prior's standard deviation is 1.", HelpName = "R", DefaultValueFactory = _ => 2.5 };
        var dataRoot = Verb.DataRoot();
        return Make("traverse", "Change one latent at a time; a row a latent, sorted by its KL.", "./manifold traverse runs/first --seed 3 --out traverse.png", [seed, rows, steps, reach, dataRoot], (trained, parsed) =>
        {
            var model = trained.As<IEvidenceModel>("has a KL for each latent");
            var validation = trained.OpenData(null, parsed.GetValue(dataRoot)).Validation;
            var kl = LatentMetrics.Measure("kl_per_dim", model, validation, trained.Device, measured).PerLatent!;
            var order = Enumerable.Range(0, kl.Count).OrderByDescending(latent => kl[latent]).Take(Verb.AtLeast(1, parsed.GetValue(rows), "--rows")).ToList();
            Console.WriteLine($"KL, nats, of the rows: {string.Join("  ", order.Select(latent => $"z{latent} {kl[latent]:0.###}"))}");
            var code = Latents.FromSeeds([parsed.GetValue(seed)], model.LatentDim).to(trained.Device)[0];
            return Grid.Of(model.Decode(Latents.Traversal(code, order, parsed.GetValue(reach), Verb.AtLeast(2, parsed.GetValue(steps), "--steps"))), parsed.GetValue(steps));
        });
    }

    public static Command Manifold()
    {
        var size = new Option<int>("--size") { Description = "Pictures on a side.", HelpName = "N", DefaultValueFactory = _ => 20 };
        return Make("manifold", "Show the whole manifold of a model with two latents, at equal steps of probability.", "./manifold manifold runs/00000-vae-2d-bundled --out sheet.png", [size], (trained, parsed) =>
        {
            var model = trained.As<IDecoder>("makes pictures of codes");
            if (model.LatentDim != 2)
                throw new SettingsException($"{trained.Run.Path} has {model.LatentDim} latents; a sheet needs 2. Train vae-2d, or walk with `./manifold interpolate`.");
            var n = Verb.AtLeast(2, parsed.GetValue(size), "--size");
            return Grid.Of(model.Decode(Latents.Sheet(n).to(trained.Device)), n, gap: 0);
        });
    }

    private static Command Make(string name, string description, string example, Option[] own, Func<TrainedModel, ParseResult, Picture> draw)
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
            var trained = TrainedModel.Open(parsed.GetRequiredValue(run), parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!));
            var picture = draw(trained, parsed);
            return Verb.Write(parsed.GetValue(output) ?? Path.Combine(trained.Run.Path, $"{name}.png"), picture.ToPng());
        }));
        return command.WithExample(example);
    }

    private static (Option<string?>, Option<string?>, Option<string>, Option<int>) DataOptions(int count) =>
        (Verb.Data(), Verb.DataRoot(),
         new Option<string>("--split") { Description = "validation, train or test.", HelpName = "S", DefaultValueFactory = _ => "validation" },
         new Option<int>("--count") { Description = "Pictures to take, or walks to make.", HelpName = "N", DefaultValueFactory = _ => count });

    private static Tensor Pictures(Split split, int count)
    {
        if (count < 1) throw new SettingsException($"--count is {count}; it needs 1 or more.");
        return split.InOrder(0, Math.Min(count, split.Count), PixelRange.Unit).X;
    }

    // The last row of originals may be short; grey fills it, so that its reconstructions still stand below.
    private static Tensor Padded(Tensor row, int columns) =>
        row.shape[0] == columns ? row : cat([row, full_like(row[..1], 0.5f).expand(columns - row.shape[0], -1, -1, -1)]);

    private static int Columns(int count) => (int)Math.Ceiling(Math.Sqrt(count));
}
