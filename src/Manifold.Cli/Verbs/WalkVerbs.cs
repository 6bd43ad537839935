using System.CommandLine;
using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>The verbs that go from code to code: interpolate, traverse, arithmetic. A PNG has the walk as rows, a GIF as frames.</summary>
internal static class WalkVerbs
{
    public static Command Interpolate()
    {
        var (data, dataRoot, split, count) = PictureVerbs.DataOptions(6);
        var steps = new Option<int>("--steps") { Description = "Pictures from one code to the next, both among them.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var seeds = new Option<string?>("--seeds") { Description = "Walk between codes of the prior, two seeds a row, and not between pictures of the data.", HelpName = "0-11" };
        var along = new Option<string>("--along") { Description = "The straight line between two codes, or the arc, which keeps their distance from the origin.", HelpName = "line|arc", DefaultValueFactory = _ => "line" };
        along.AcceptOnlyFromAmong("line", "arc");
        var closed = new Option<bool>("--closed") { Description = "One walk through all the codes and back to the first, a row a leg." };
        return PictureVerbs.Make("interpolate", "Walk from code to code; a row a walk, or an animation if --out ends in .gif.", "./manifold interpolate runs/first --seeds 0-11 --out walk.png",
            [data, dataRoot, split, count, steps, seeds, along, closed], (trained, parsed, isGif) =>
        {
            var decoder = trained.As<IDecoder>("makes pictures of codes");
            var (ends, condition) = parsed.GetValue(seeds) is { } range ? OfSeeds(decoder, SeedRange.Parse(range), trained.Device)
                : OfPictures(trained, decoder, PictureVerbs.Pictures(trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot)).Part(parsed.GetValue(split)!), (int)Math.Min(int.MaxValue, (parsed.GetValue(closed) ? 1L : 2) * parsed.GetValue(count))));
            if (ends.shape[0] < 2) throw new SettingsException("A walk needs two codes; give --seeds a range of at least two, such as 0-11.");
            if (parsed.GetValue(along) == "arc" && !decoder.Prior.IsRound) throw new SettingsException("--along is arc, and codes of this model fill a cube, which has no origin to keep away from; use --along line.");

            var n = Verb.AtLeast(2, parsed.GetValue(steps), "--steps");
            var legs = parsed.GetValue(closed) ? Enumerable.Range(0, (int)ends.shape[0]).Select(i => (i, (i + 1) % (int)ends.shape[0])).ToList()
                : [.. Enumerable.Range(0, (int)ends.shape[0] / 2).Select(i => (2 * i, 2 * i + 1))];
            Verb.AtMost((long)legs.Count * n, $"--steps {n} for {legs.Count} walks");
            Tensor Walk(Tensor points, bool arc) => cat([.. legs.Select(leg => arc ? Latents.Arc(points[leg.Item1], points[leg.Item2], n) : Latents.Line(points[leg.Item1], points[leg.Item2], n))]);
            var pictures = decoder.Decode(Walk(ends, parsed.GetValue(along) == "arc"), condition is null ? null : Walk(condition, arc: false));   // [legs * n, C, H, W]
            return isGif ? Frames(pictures, legs.Count, n, parsed.GetValue(closed)) : [Sheet.Of(pictures, n)];
        }, moves: true);
    }

    public static Command Traverse()
    {
        const int measured = 500;                                                                              // examples that the order of the latents is taken from
        var seed = new Option<long>("--seed") { Description = "The code that is changed, drawn from the prior.", HelpName = "S" };
        var rows = new Option<int>("--rows") { Description = "Latents to show, those that say most about a picture first.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var steps = new Option<int>("--steps") { Description = "Pictures in a row.", HelpName = "N", DefaultValueFactory = _ => 11 };
        var reach = new Option<double>("--reach") { Description = "A latent goes from minus this to this, in standard deviations of a normal prior; of another prior the same shares of probability.", HelpName = "R", DefaultValueFactory = _ => 2.5 };
        var dataRoot = Verb.DataRoot();
        return PictureVerbs.Make("traverse", "Change one latent at a time; a row a latent, sorted by its KL, or by what it changes where there is none.", "./manifold traverse runs/first --seed 3 --out traverse.png", [seed, rows, steps, reach, dataRoot], (trained, parsed, isGif) =>
        {
            var model = trained.As<IDecoder>("makes pictures of codes");
            var (what, weights) = model is IEvidenceModel evidence
                ? ("KL, nats,", LatentMetrics.Measure("kl_per_dim", evidence, trained.OpenData(null, parsed.GetValue(dataRoot)).Validation, trained.Device, measured).PerLatent!)
                : ("mean squared change of a picture, in thousandths,", Latents.Effects(model, parsed.GetValue(reach), trained.Device).Select(effect => 1000 * effect).ToList());
            var order = Enumerable.Range(0, weights.Count).OrderByDescending(latent => weights[latent]).Take(Verb.AtLeast(1, parsed.GetValue(rows), "--rows")).ToList();
            Console.WriteLine($"{what} of the rows: {string.Join("  ", order.Select(latent => FormattableString.Invariant($"z{latent} {weights[latent]:0.###}")))}");
            var n = Verb.AtLeast(2, parsed.GetValue(steps), "--steps");
            Verb.AtMost((long)order.Count * n, $"--steps {n} for {order.Count} latents");
            var z = model.Prior.FromNormal(Latents.Traversal(Latents.FromSeeds([parsed.GetValue(seed)], model.LatentDim)[0], order, parsed.GetValue(reach), n)).to(trained.Device);
            var labels = full([z.shape[0]], model.Classes == 0 ? 0 : parsed.GetValue(seed) % model.Classes, ScalarType.Int64);
            var pictures = model.Decode(z, Condition.OneHot(labels, model.Classes)?.to(trained.Device));
            return isGif ? Frames(pictures, order.Count, n, closed: false) : [Sheet.Of(pictures, n)];
        }, moves: true);
    }

    public static Command Arithmetic()
    {
        var plus = new Option<string[]>("--plus") { Description = "A group of codes whose average is added; may be given again. A class, by number or name: codes of its pictures or, of a model without an encoder, codes whose samples a classifier takes for it. Or seeds of your choice, seeds:3,7,12.", HelpName = "CLASS|seeds:S", Required = true, AllowMultipleArgumentsPerToken = true };
        var minus = new Option<string[]>("--minus") { Description = "A group whose average code is taken away.", HelpName = "CLASS|seeds:S", Required = true, AllowMultipleArgumentsPerToken = true };
        var (data, dataRoot, split, count) = PictureVerbs.DataOptions(8);
        var steps = new Option<int>("--steps") { Description = "Pictures in a row, from nothing of the difference to all of it.", HelpName = "N", DefaultValueFactory = _ => 8 };
        var features = new Option<string?>("--features") { Description = "For a model without an encoder: a run of features that tells classes apart; the library's own on bundled pictures.", HelpName = "RUN" };
        return PictureVerbs.Make("arithmetic", "Add and subtract average codes of groups. As many plus as minus: the difference is added, step by step, to codes of the first minus group, whose pictures stand at the left. One plus more: the averages, and then their sum.",
            "./manifold arithmetic runs/first --plus 7 --minus 1 --out sevens.png", [plus, minus, data, dataRoot, split, count, steps, features], (trained, parsed, isGif) =>
        {
            var decoder = trained.As<IDecoder>("makes pictures of codes");
            if (decoder.Classes > 0) throw new SettingsException($"{trained.Run.Path} is of a model that is told the class, so its codes say nothing of it; arithmetic on groups needs one that is not (model.conditional=false, model.conditioning=none).");
            if (decoder.Shape.IsPoint) throw new SettingsException($"{trained.Run.Path} makes points of the plane; arithmetic draws pictures.");
            string[] added = parsed.GetValue(plus)!, taken = parsed.GetValue(minus)!;
            if (added.Length - taken.Length is not (0 or 1))
                throw new SettingsException($"--plus names {added.Length} and --minus {taken.Length}; the sum is a code with one plus more than minus, and a step between codes with as many of each.");
            if (isGif && added.Length > taken.Length) throw new SettingsException("A sum of averages is one picture; --out needs a name that ends in .png.");
            var groups = new CodeGroups(trained, decoder, () => trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot)), parsed.GetValue(split)!, parsed.GetValue(features));
            CodeGroup[] adds = [.. added.Select(groups.Of)], takes = [.. taken.Select(groups.Of)];
            var difference = adds.Aggregate(zeros_like(adds[0].Mean), (sum, group) => sum + group.Mean) - takes.Aggregate(zeros_like(adds[0].Mean), (sum, group) => sum + group.Mean);   // [D]
            if (added.Length > taken.Length) return [Grid.Of(decoder.Decode(stack([.. adds.Concat(takes).Select(group => group.Mean), difference])), adds.Length + takes.Length + 1)];

            var n = Verb.AtLeast(2, parsed.GetValue(steps), "--steps");
            var start = takes[0].First(Verb.AtLeast(1, parsed.GetValue(count), "--count"));
            Verb.AtMost(start.Codes.shape[0] * n, $"--steps {n} for {start.Codes.shape[0]} rows");
            var walk = decoder.Decode(cat([.. Enumerable.Range(0, (int)start.Codes.shape[0]).Select(row => Latents.Line(start.Codes[row], start.Codes[row] + difference, n))]));
            if (isGif) return Frames(walk, (int)start.Codes.shape[0], n, closed: false);
            return [Grid.Of(cat([.. walk.split(n).Zip(start.Pictures.split(1)).SelectMany(row => new[] { row.Second, row.First })]), n + 1)];
        }, moves: true);
    }

    private static (Tensor Codes, Tensor? Condition) OfSeeds(IDecoder model, IReadOnlyList<long> seeds, Device device) =>
        (Latents.FromSeeds(seeds, model).to(device), model.Classes == 0 ? null : Condition.OneHot(tensor(seeds.Select(seed => seed % model.Classes).ToArray()), model.Classes)!.to(device));

    private static (Tensor Codes, Tensor? Condition) OfPictures(TrainedModel trained, IDecoder model, Batch pictures)
    {
        var batch = pictures.To(trained.Device);
        return (trained.As<IEncoder>("finds the code of a picture; use --seeds").Encode(batch).Code, Condition.OneHot(batch.Labels, model.Classes));
    }

    // A closed walk leg by leg, each end once; several walks side by side, there and back.
    private static IReadOnlyList<Picture> Frames(Tensor pictures, int walks, int steps, bool closed)
    {
        if (closed) return [.. Enumerable.Range(0, walks * steps).Where(i => i % steps != steps - 1).Select(i => Grid.Of(pictures[i..(i + 1)], 1, gap: 0, scale: Scale(pictures, 112)))];
        var byStep = pictures.view([walks, steps, .. pictures.shape[1..]]);
        var there = Enumerable.Range(0, steps);
        var columns = (int)Math.Ceiling(Math.Sqrt(walks));
        return [.. there.Concat(there.Reverse().Skip(1).SkipLast(1)).Select(step => Grid.Of(byStep.select(1, step), columns))];
    }

    private static int Scale(Tensor pictures, int pixels) => (int)Math.Max(1, pixels / Math.Max(pictures.shape[2], pictures.shape[3]));
}
