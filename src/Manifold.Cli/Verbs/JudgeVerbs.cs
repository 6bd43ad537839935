using System.CommandLine;
using System.Text;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>The verbs that look back at runs and at single pictures: compare, timeline, invert.</summary>
internal static class JudgeVerbs
{
    public static Command Compare()
    {
        var runs = new Argument<string[]>("RUN") { Description = "Folders of runs that have been evaluated.", Arity = ArgumentArity.OneOrMore };
        var metric = new Option<string?>("--metric") { Description = "Only this one.", HelpName = "NAME" };
        var command = new Command("compare", "Lay the numbers of runs side by side; those that were taken differently are not ranked.") { runs, metric };
        command.SetAction(parsed => Verb.Do(() =>
        {
            foreach (var comparison in Comparison.Of(parsed.GetRequiredValue(runs), parsed.GetValue(metric)))
                foreach (var line in comparison.Lines()) Console.WriteLine(line);
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold compare runs/00003-dcgan-bundled runs/00004-lsgan-bundled");
    }

    public static Command Timeline()
    {
        var run = new Argument<string>("RUN") { Description = "A run's folder." };
        var output = new Option<string?>("--out") { Description = "A name that ends in .gif or .html; both, in the run's folder, if not given.", HelpName = "FILE" };
        var command = new Command("timeline", "Show how the samples of a run came to be: an animation, and a page with a slider.") { run, output };
        command.SetAction(parsed => Verb.Do(() =>
        {
            var folder = RunFolder.Read(parsed.GetRequiredValue(run)).Path;
            var looks = Pictures.Timeline.Looks(folder);
            var stats = Path.Combine(folder, "stats.jsonl");
            byte[] Html() => Encoding.UTF8.GetBytes(Pictures.Timeline.ToHtml(Path.GetFileName(Path.GetFullPath(folder)), looks, RegularFile.KindOf(stats) == FileKind.Missing ? [] : RegularFile.ReadLines(stats), stats));
            switch (parsed.GetValue(output))
            {
                case null:
                    Verb.Write(Path.Combine(folder, "timeline.html"), Html());
                    return Verb.Write(Path.Combine(folder, "timeline.gif"), Pictures.Timeline.ToGif(looks));
                case { } path when path.EndsWith(".gif", StringComparison.OrdinalIgnoreCase): return Verb.Write(path, Pictures.Timeline.ToGif(looks));
                case { } path when path.EndsWith(".html", StringComparison.OrdinalIgnoreCase): return Verb.Write(path, Html());
                case { } path: throw new SettingsException($"--out is {path}; it needs a name that ends in .gif or .html.");
            }
        }));
        return command.WithExample("./manifold timeline runs/00003-dcgan-bundled");
    }

    public static Command Invert()
    {
        var (data, dataRoot, split, count) = PictureVerbs.DataOptions(8);
        var steps = new Option<int>("--steps") { Description = "Of descent, for each beginning.", HelpName = "N", DefaultValueFactory = _ => 300 };
        var restarts = new Option<int>("--restarts") { Description = "Beginnings; the best is kept.", HelpName = "N", DefaultValueFactory = _ => 4 };
        return PictureVerbs.Make("invert", "Find the code of pictures by descent through the model; below each, what its code decodes to.", "./manifold invert runs/00003-dcgan-bundled --out inverted.png", [data, dataRoot, split, count, steps, restarts], (trained, parsed, _) =>
        {
            var decoder = trained.As<IDecoder>("makes pictures of codes");
            var set = trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot));
            var batch = PictureVerbs.Pictures(set.Part(parsed.GetValue(split)!), parsed.GetValue(count)).To(trained.Device);
            var clock = new ProgressLine("invert");
            var found = Inversion.Of(decoder, batch, Verb.AtLeast(1, parsed.GetValue(steps), "--steps"), Verb.AtLeast(1, parsed.GetValue(restarts), "--restarts"), progress: clock.Report);
            clock.Done();
            Console.WriteLine(FormattableString.Invariant($"mean squared error {found.Errors.mean().item<float>():F5}, at the {(trained.Model is IEncoder ? "encoder's codes" : "first beginning")} {found.StartErrors.mean().item<float>():F5}"));
            if (set.Shape.IsPoint) return [Scatter.Of(Scatter.Reach(batch.X), batch.X, found.Pictures)];
            var columns = (int)Math.Min(8, batch.Count);
            return [Grid.Of(cat([.. batch.X.split(columns).Zip(found.Pictures.split(columns)).SelectMany(pair => new[] { pair.First, pair.Second })]), columns)];
        }, moves: false);
    }
}
