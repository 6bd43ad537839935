using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

/// <summary>Runs whose scores are written beforehand: what they stop at, and what they keep.</summary>
public class PlateauTests
{
    private static readonly TrainerSettings Watched = new() { Examples = 1600, BatchSize = 32, LogEvery = 320, LookEvery = 64, SaveEvery = 320, StopWhen = StopWhen.Plateau };

    private static LikelihoodAlgorithm Algorithm()
    {
        manual_seed(7);
        var model = new Vae(new PictureShape(1, 4, 4), new VaeSettings { Hidden = [4], LatentDim = 2 });
        return new LikelihoodAlgorithm(model, model.Elbo, (terms, _) => terms.Nll.mean(), new OptimizerSettings(), new Schedule(), 32);
    }

    private static Batch Data(long position, int count) =>
        new(stack([.. Enumerable.Range(0, count).Select(i => ((arange(16) * (position + i + 1)) % 7).gt(3).to_type(ScalarType.Float32).view(1, 4, 4))]));

    // A look's score is the one written for it; after the last it stays.
    private sealed class Script(TrainerSettings settings, double[] scores) : IObserver
    {
        public List<long> Looks { get; } = [];
        public Dictionary<long, byte[]> Weights { get; } = [];

        public IReadOnlyDictionary<string, double> Look(Moment moment)
        {
            Looks.Add(moment.ExamplesSeen);
            Weights[moment.ExamplesSeen] = [.. moment.Algorithm.Networks["model"].state_dict()["encoder.0.weight"].bytes];
            return new Dictionary<string, double> { ["val"] = scores[Math.Min(moment.ExamplesSeen / settings.LookEvery, scores.Length - 1)] };
        }
    }

    private static (long Seen, Plateau? Plateau, Script Script) Train(string folder, TrainerSettings settings, double[] scores, long stopAt = long.MaxValue, bool higher = false)
    {
        using var run = RunFolder.Open(folder);
        run.WriteConfig([]);
        using var stop = new CancellationTokenSource();
        var script = new Script(settings, scores);
        var trainer = new Trainer(Algorithm(), Data, settings, run, CPU)
        {
            Observers = [script],
            BestBy = new Ranking("val", higher),
            Progress = progress => { if (progress.ExamplesSeen >= stopAt) stop.Cancel(); },
        };
        return (trainer.Run(stop.Token), trainer.Plateau, script);
    }

    // Looks at 64, 128, 192, ...; the best, 5, at 64. One that only equals it is no better.
    [Theory]
    [InlineData(64, 128)]
    [InlineData(65, 192)]
    [InlineData(128, 192)]
    [InlineData(256, 320)]
    [InlineData(null, 384)]                                          // five looks
    public void It_stops_at_the_look_that_is_patience_after_the_best(int? patience, long stops)
    {
        using var folder = new TemporaryFolder();
        var (seen, plateau, script) = Train(folder["run"], Watched with { Patience = patience }, [9, 5, 5, 7, 6, 8, 5.5, 5]);
        Assert.Equal((stops, 5, 64), (seen, plateau!.Best, plateau.BestAt));
        Assert.Equal(stops, script.Looks[^1]);
        var reader = RunFolder.Read(folder["run"]);
        Assert.Equal((stops, 64, 5.0), (reader.Newest!.ExamplesSeen, reader.Best!.ExamplesSeen, reader.Best.Score));
    }

    // Looks are taken after whole steps: those of every 80 at 96, 160, 256, 320. From 96 to 160 is one look, though 64 examples.
    [Theory]
    [InlineData(80, 160)]
    [InlineData(160, 256)]
    public void Steps_that_do_not_divide_a_look_lengthen_no_patience(int patience, long stops)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(stops, Train(folder["run"], Watched with { LookEvery = 80, Patience = patience }, [9, 5, 6]).Seen);
    }

    [Fact]
    public void The_look_before_the_first_step_counts_and_a_better_one_begins_the_patience_anew()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal((192, 0), Train(folder["first"], Watched with { Patience = 192 }, [1, 2]) is var first ? (first.Seen, first.Plateau!.BestAt) : default);
        Assert.Equal((320, 128), Train(folder["anew"], Watched with { Patience = 192 }, [9, 9, 8, 9]) is var anew ? (anew.Seen, anew.Plateau!.BestAt) : default);
        Assert.Equal(1600, Train(folder["always"], Watched with { Patience = 64 }, [.. Enumerable.Range(0, 26).Select(i => 100.0 - i)]).Seen);
    }

    // Saves would be at 1,000 and at the end; the best is kept because it is the best, with the weights that were looked at.
    [Fact]
    public void The_best_is_kept_though_it_is_no_time_to_save_and_later_checkpoints_come_and_go()
    {
        using var folder = new TemporaryFolder();
        double[] scores = [9, 8, 3, 7, 6, 5, 4, 3.5];
        var (seen, _, script) = Train(folder["run"], Watched with { Patience = 1000, SaveEvery = 160 }, scores);
        Assert.Equal(1152, seen);                                    // 128 and sixteen looks of 64
        var reader = RunFolder.Read(folder["run"]);
        Assert.Equal([128, 1120, 1152], reader.Checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
        var weights = zeros(4, 16);
        RunReader.Load(reader.Best!, "ema", new Dictionary<string, Tensor> { ["model.encoder.0.weight"] = weights });
        Assert.Equal(script.Weights[128], weights.bytes.ToArray());
    }

    [Fact]
    public void A_run_that_does_not_stop_by_itself_saves_at_its_own_times_and_keeps_no_such_memory()
    {
        using var folder = new TemporaryFolder();
        var (seen, plateau, _) = Train(folder["run"], Watched with { StopWhen = StopWhen.Never, Examples = 320 }, [9, 5, 6]);
        Assert.Equal((320, null), (seen, plateau));
        var checkpoints = RunFolder.Read(folder["run"]).Checkpoints;
        Assert.Equal([0, 320], checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
        Assert.All(checkpoints, checkpoint => Assert.Equal(["ema", "model", "optimizer", "state"], checkpoint.Hashes.Keys.Select(name => Path.GetFileNameWithoutExtension(name)).Order()));
    }

    [Fact]
    public void What_is_better_when_higher_is_ranked_so()
    {
        using var folder = new TemporaryFolder();
        var (seen, plateau, _) = Train(folder["run"], Watched with { Patience = 128 }, [0, 3, 7, 6, 5, 4, 9], higher: true);
        Assert.Equal((256, -7, 128), (seen, plateau!.Best, plateau.BestAt));
        Assert.Equal(128, RunFolder.Read(folder["run"]).Best!.ExamplesSeen);
    }

    // In both ways of ranking some infinity would win, and a NaN is below nothing and above nothing.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_score_that_is_not_finite_is_never_the_best_and_ends_no_run(bool higher)
    {
        using var folder = new TemporaryFolder();
        double[] scores = [double.NaN, double.NegativeInfinity, 5, double.PositiveInfinity, double.NaN, double.NegativeInfinity];
        var (seen, plateau, _) = Train(folder["run"], Watched with { Patience = 192 }, scores, higher: higher);
        Assert.Equal((320, 128), (seen, plateau!.BestAt));
        Assert.Equal(128, RunFolder.Read(folder["run"]).Best!.ExamplesSeen);
        Assert.Null(JsonNode.Parse(File.ReadLines(Path.Combine(folder["run"], "stats.jsonl")).First())!["val"]);

        var never = Train(folder["never"], Watched with { Patience = 192 }, [double.NaN], higher: higher);
        Assert.Equal((192, double.PositiveInfinity), (never.Seen, never.Plateau!.Best));
        Assert.Null(RunFolder.Read(folder["never"]).Best);
    }

    // Stopped after each of its steps in turn, and once killed: then the last checkpoint is an older one.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gone_on_with_from_anywhere_it_ends_in_the_same_place_with_the_same_bytes(bool killed)
    {
        using var folder = new TemporaryFolder();
        var settings = Watched with { Patience = 192 };
        double[] scores = [9, 5, 4, 6, 7, 5, 3, 2];                  // the best of the first patience is 4, at 128; what comes at 384 is too late
        Assert.Equal(320, Train(folder["whole"], settings, scores).Seen);
        var whole = RunFolder.Read(folder["whole"]);
        for (var stopAt = 0; stopAt < 352; stopAt += 32)
        {
            var run = folder[$"{stopAt}"];
            Train(run, settings, scores, stopAt);
            if (killed && RunFolder.Read(run).Checkpoints is [_, .., var last] && last.ExamplesSeen < 320) Directory.Delete(last.Path, recursive: true);
            Assert.Equal((320, 128, 4), Train(run, settings, scores) is var end ? (end.Seen, end.Plateau!.BestAt, end.Plateau.Best) : default);
            var reader = RunFolder.Read(run);
            Assert.Equal(128, reader.Best!.ExamplesSeen);
            Assert.Equal(whole.Newest!.Hashes, reader.Newest!.Hashes);
            Assert.Equal(whole.Best!.Hashes, reader.Best.Hashes);
        }
    }

    [Fact]
    public void One_that_has_ended_takes_no_step_and_with_more_patience_goes_on_as_if_it_had_had_it()
    {
        using var folder = new TemporaryFolder();
        double[] scores = [9, 5, 6, 7, 8, 4, 5];
        var settings = Watched with { Patience = 192 };
        Assert.Equal(256, Train(folder["run"], settings, scores).Seen);
        var (seen, plateau, script) = Train(folder["run"], settings, scores);
        Assert.Equal((256, true, 192), (seen, plateau!.IsReached, plateau.Since));
        Assert.Empty(script.Looks);

        Assert.Equal(640, Train(folder["run"], settings with { Patience = 320 }, scores).Seen);
        Assert.Equal(640, Train(folder["patient"], settings with { Patience = 320 }, scores).Seen);
        Assert.Equal(RunFolder.Read(folder["patient"]).Newest!.Hashes, RunFolder.Read(folder["run"]).Newest!.Hashes);
    }

    [Fact]
    public void A_run_may_begin_to_stop_by_itself_and_cease_to()
    {
        using var folder = new TemporaryFolder();
        double[] scores = [1, 5, 6, 7];
        var never = Watched with { StopWhen = StopWhen.Never, Examples = 320 };
        Assert.Equal(320, Train(folder["run"], never, scores).Seen);
        var (seen, plateau, _) = Train(folder["run"], Watched with { Patience = 128 }, scores);
        Assert.Equal((512, 384), (seen, plateau!.BestAt));           // patience is counted from where it began: its first look is the best of its own
        Assert.Equal(640, Train(folder["run"], never with { Examples = 640 }, scores).Seen);
        Assert.Equal(0, RunFolder.Read(folder["run"]).Best!.ExamplesSeen);
    }

    [Fact]
    public void Nothing_to_stop_by_is_refused_and_so_is_patience_of_nothing()
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(folder["run"]);
        Assert.Contains("trainer.stop_when is plateau; it needs trainer.best_by", Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(Algorithm(), Data, Watched, run, CPU).Run()).Message);
        Assert.Contains("trainer.patience is 0; it needs to be above 0", Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(Algorithm(), Data, Watched with { Patience = 0 }, run, CPU)).Message);
    }
}
