using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Recipes;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

/// <summary>Each value stands on the line of the tick that measured it, and a resumed run has the lines of the run that was never stopped.</summary>
public class LogTests
{
    private static readonly TrainerSettings Ticks = new() { Examples = 640, BatchSize = 32, LogEvery = 64, LookEvery = 128, SaveEvery = 160 };

    private static LikelihoodAlgorithm Algorithm()
    {
        manual_seed(7);
        var model = new Vae(new PictureShape(1, 4, 4), new VaeSettings { Hidden = [4], LatentDim = 2 });
        return new LikelihoodAlgorithm(model, model.Elbo, (terms, _) => terms.Nll.mean(), new OptimizerSettings(), new Schedule(), 32);
    }

    private static Batch Data(long position, int count) =>
        new(stack([.. Enumerable.Range(0, count).Select(i => ((arange(16) * (position + i + 1)) % 7).gt(3).to_type(ScalarType.Float32).view(1, 4, 4))]));

    private sealed class Observer : IObserver
    {
        public IReadOnlyDictionary<string, double> Look(Moment moment) => new Dictionary<string, double> { ["val"] = moment.ExamplesSeen };
    }

    private sealed class Advisor : IAdvisor
    {
        public List<(long At, bool SawVal)> Read { get; } = [];

        IEnumerable<Advice> IAdvisor.Read(long examplesSeen, IReadOnlyDictionary<string, double> values, IAlgorithm algorithm)
        {
            Read.Add((examplesSeen, values.ContainsKey("val")));
            return values.ContainsKey("val") ? [new Advice("look", "It was looked at.")] : [];
        }
    }

    private static List<string> Train(string folder, TrainerSettings settings, long stopAt = long.MaxValue, Advisor? advisor = null)
    {
        using var run = RunFolder.Open(folder);
        run.WriteConfig([]);
        using var stop = new CancellationTokenSource();
        using var trainer = new Trainer(Algorithm(), Data, settings, run, CPU)
        {
            Observers = [new Observer()],
            Advisors = advisor is null ? [] : [advisor],
            Progress = progress => { if (progress.ExamplesSeen >= stopAt) stop.Cancel(); },
        };
        trainer.Run(stop.Token);
        return Lines(folder);
    }

    // Without the time that it took.
    private static List<string> Lines(string folder) => [.. File.ReadLines(Path.Combine(folder, "stats.jsonl")).Select(line =>
    {
        var values = JsonNode.Parse(line)!.AsObject();
        values.Remove("seconds");
        return values.ToJsonString();
    })];

    [Fact]
    public void A_value_is_on_the_line_of_its_tick_and_on_no_other()
    {
        using var folder = new TemporaryFolder();
        var advisor = new Advisor();
        var lines = Train(folder["run"], Ticks, advisor: advisor).Select(line => JsonNode.Parse(line)!).ToList();
        var measured = lines.Where(line => line["advice"] is null).ToDictionary(line => (long)line["examples"]!, line => (long?)line["val"]);
        Assert.Equal([0, 64, 128, 160, 192, 256, 320, 384, 448, 480, 512, 576, 640], measured.Keys);
        Assert.All(measured, line => Assert.Equal(line.Key % 128 == 0 ? line.Key : null, line.Value));
        Assert.All(lines.Where(line => line["advice"] is null && (long)line["examples"]! > 0), line => Assert.NotNull(line["loss"]));
        Assert.All(advisor.Read, read => Assert.Equal(read.At % 128 == 0, read.SawVal));
    }

    // Stopped after each of its steps in turn: at a tick of the log, of a look and of a save, and between them.
    [Fact]
    public void A_run_that_is_stopped_anywhere_has_the_same_lines()
    {
        using var folder = new TemporaryFolder();
        var whole = Train(folder["whole"], Ticks, advisor: new Advisor());
        for (var stopAt = 0; stopAt < 640; stopAt += 32)
        {
            Train(folder[$"{stopAt}"], Ticks, stopAt, new Advisor());
            Assert.Equal(whole, Train(folder[$"{stopAt}"], Ticks, advisor: new Advisor()));
        }
    }

    // Stopped twice within one line of the log, and killed after it: the checkpoint has the part of the line.
    [Fact]
    public void A_line_that_is_cut_twice_has_the_mean_over_all_of_it()
    {
        using var folder = new TemporaryFolder();
        var settings = Ticks with { LogEvery = 320, LookEvery = 640, SaveEvery = 640 };
        var whole = Train(folder["whole"], settings);
        foreach (var stopAt in new[] { 96, 160, 416 }) Train(folder["run"], settings, stopAt);
        File.AppendAllText(folder["run/stats.jsonl"], """{"examples":448,"loss":9}""" + "\n");
        Assert.Equal(whole, Train(folder["run"], settings));
    }

    [Fact]
    public void A_stop_on_a_tick_writes_no_line_twice()
    {
        using var folder = new TemporaryFolder();
        var lines = Train(folder["run"], Ticks, stopAt: 192);
        Assert.Equal(lines.Distinct(), lines);
        Assert.Equal(192, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
    }

    // The proof must be able to see it.
    [Fact]
    public void The_proof_of_a_resume_compares_the_log()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Changes = ["trainer.log_every=100", "trainer.look_every=200", "trainer.save_every=100"] };
        var verdict = ResumeProof.Run(request, 400, folder["a"]);
        Assert.Empty(verdict.Differences);
        Assert.Equal(5, verdict.LogLines);

        var log = Path.Combine(folder["a"], "pieces", "stats.jsonl");
        File.WriteAllText(log, File.ReadAllText(log).Replace("\"nll\"", "\"lln\""));
        Assert.Contains("stats.jsonl: 5 and 5 lines, of which line 2 differs", ResumeProof.Compare(400, [], Path.Combine(folder["a"], "straight"), Path.Combine(folder["a"], "pieces")).Differences.Single());
    }
}
