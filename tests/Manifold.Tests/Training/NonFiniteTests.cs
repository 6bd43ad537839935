using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

/// <summary>Runs that diverge in a way that was written beforehand: what is saved, what is said, and what stays of the log.</summary>
public class NonFiniteTests
{
    private static readonly TrainerSettings Short = new() { Examples = 64, BatchSize = 4, LogEvery = 8, LookEvery = 16, SaveEvery = 16 };

    private static Batch Data(long position, int count) => new(full([count, 1, 1, 1], position));

    /// <summary>One weight that grows by 1 a step; its loss is always 1, and at one step something is spoilt.</summary>
    private sealed class Scripted : IAlgorithm
    {
        private readonly Linear network = nn.Linear(1, 1, hasBias: false);
        private readonly Spoilt optimizer;
        private readonly long spoilAt;
        private readonly string what;

        public Scripted(long spoilAt, string what)
        {
            (this.spoilAt, this.what) = (spoilAt, what);
            optimizer = new Spoilt([("weight", network.weight!)]);
        }

        public List<long> Steps { get; } = [];
        public IReadOnlyDictionary<string, nn.Module> Networks => new Dictionary<string, nn.Module> { ["model"] = network };
        public IReadOnlyDictionary<string, Optimizer> Optimizers => new Dictionary<string, Optimizer> { ["model"] = optimizer };
        public IReadOnlyDictionary<string, Tensor> State { get; } = new Dictionary<string, Tensor> { ["pool"] = zeros(2) };
        public int BatchSize(long examplesSeen) => 4;

        public IReadOnlyList<(string Name, Tensor Value)> Step(Batch batch, long examplesSeen)
        {
            using var _ = no_grad();
            Steps.Add(examplesSeen);
            network.weight!.add_(1);
            if (examplesSeen == spoilAt && what == "weight") network.weight.fill_(float.NaN);
            if (examplesSeen == spoilAt && what == "optimizer") optimizer.Moment.fill_(float.PositiveInfinity);
            if (examplesSeen == spoilAt && what == "state") State["pool"].fill_(float.NaN);
            return [("loss", examplesSeen == spoilAt && what == "loss" ? tensor(float.NaN) : ones([]))];
        }

        private sealed class Spoilt(IReadOnlyList<(string, Parameter)> parameters) : Optimizer(parameters)
        {
            public Tensor Moment { get; } = zeros(3);
            public override IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["moment"] = Moment };
            public override void ZeroGrad() { }
            public override void Step(double learningRate) { }
            public override void Dispose() { }
        }
    }

    private static NonFiniteException Diverge(string folder, Scripted algorithm, List<string>? said = null, TrainerSettings? settings = null, CancellationToken stop = default)
    {
        using var run = RunFolder.Open(folder);
        run.WriteConfig([]);
        using var trainer = new Trainer(algorithm, Data, settings ?? Short, run, CPU) { Say = word => said?.Add(word) };
        return Assert.Throws<NonFiniteException>(() => trainer.Run(stop));
    }

    // The loss is 1 throughout.
    [Theory]
    [InlineData("weight", "first to go bad: network model, parameter weight (value)")]
    [InlineData("optimizer", "first to go bad: the optimizer's model.moment")]
    [InlineData("state", "first to go bad: the state's pool")]
    [InlineData("loss", "loss became NaN or infinite at 20 examples")]
    public void What_is_not_finite_is_never_saved_though_the_loss_is_finite(string what, string message)
    {
        using var folder = new TemporaryFolder();
        var error = Diverge(folder["run"], new Scripted(spoilAt: 20, what));
        Assert.Equal(20, error.ExamplesSeen);
        Assert.Contains(message, error.Message);
        Assert.Contains("The checkpoint at 16 examples is whole, and its numbers are finite.", error.Message);

        var reader = RunFolder.Read(folder["run"]);
        Assert.Equal([0, 16], reader.Checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
        using var again = RunFolder.Open(folder["run"]);
        using var trainer = new Trainer(new Scripted(spoilAt: -1, ""), Data, Short, again, CPU);
        Assert.Equal(64, trainer.Run());                              // it goes on from there
    }

    [Fact]
    public void A_stop_between_two_checkpoints_saves_nothing_that_is_not_finite()
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(folder["run"]);
        run.WriteConfig([]);
        using var stop = new CancellationTokenSource();
        using var trainer = new Trainer(new Scripted(spoilAt: 20, "weight"), Data, Short with { LogEvery = 1000 }, run, CPU) { Progress = progress => { if (progress.ExamplesSeen == 24) stop.Cancel(); } };
        Assert.Throws<NonFiniteException>(() => trainer.Run(stop.Token));
        Assert.Equal([0, 16], RunFolder.Read(folder["run"]).Checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
    }

    private sealed class Unfit : IObserver
    {
        public int Looks { get; private set; }

        public IReadOnlyDictionary<string, double> Look(Moment moment)
        {
            Looks++;
            return new Dictionary<string, double>();
        }
    }

    [Fact]
    public void Weights_that_are_not_finite_before_the_first_step_are_neither_looked_at_nor_saved()
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(folder["run"]);
        run.WriteConfig([]);
        var algorithm = new Scripted(spoilAt: -1, "");
        algorithm.State["pool"].fill_(float.NaN);
        var observer = new Unfit();
        using var trainer = new Trainer(algorithm, Data, Short, run, CPU) { Observers = [observer] };
        var error = Assert.Throws<NonFiniteException>(() => trainer.Run());
        Assert.Contains("the state's pool became NaN or infinite at 0 examples", error.Message);
        Assert.Contains("No checkpoint was saved.", error.Message);
        Assert.Empty(RunFolder.Read(folder["run"]).Checkpoints);
        Assert.Equal(0, observer.Looks);
    }

    // The lines between the checkpoint and the divergence are what there is to understand it by.
    [Fact]
    public void The_log_stays_as_it_was_and_the_search_is_announced()
    {
        using var folder = new TemporaryFolder();
        var said = new List<string>();
        Diverge(folder["run"], new Scripted(spoilAt: 28, "weight"), said);
        Assert.Equal([0, 8, 16, 24], File.ReadLines(folder["run/stats.jsonl"]).Select(line => (long)JsonNode.Parse(line)!["examples"]!));
        Assert.Contains("The 16 examples since the checkpoint are repeated, to find what became so first; Ctrl-C ends the search.", Assert.Single(said));
    }

    [Fact]
    public void The_search_ends_when_a_stop_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        using var run = RunFolder.Open(folder["run"]);
        run.WriteConfig([]);
        var algorithm = new Scripted(spoilAt: 60, "weight");
        using var trainer = new Trainer(algorithm, Data, Short with { SaveEvery = 1000, LookEvery = 1000, LogEvery = 1000 }, run, CPU) { Say = _ => stop.Cancel() };
        var error = Assert.Throws<NonFiniteException>(() => trainer.Run(stop.Token));
        Assert.Equal(16, algorithm.Steps.Count);                      // no step was repeated
        Assert.Null(error.Culprit);
    }

    // Of an older Manifold, or altered with its hashes.
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void A_checkpoint_that_is_not_finite_is_not_gone_on_from(float value)
    {
        using var folder = new TemporaryFolder();
        TensorGroups Groups(float weight) => new(new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
        {
            ["model"] = new Dictionary<string, Tensor> { ["w"] = ones(3) },
            ["ema"] = new Dictionary<string, Tensor> { ["w"] = full([3], weight) },
            ["optimizer"] = new Dictionary<string, Tensor>(),
            ["state"] = new Dictionary<string, Tensor>(),
        });
        using var run = RunFolder.Open(folder["run"]);
        run.WriteConfig([]);
        run.Save(100, Groups(1), null);
        run.Save(200, Groups(value), null);
        run.Log(150, new Dictionary<string, double> { ["loss"] = 1 });
        var error = Assert.Throws<CheckpointException>(() => run.Resume(Groups(0))).Message;
        Assert.Contains("checkpoint-000000000200 cannot be gone on from: the averaged weight w is NaN or infinite. Delete that folder", error);
        Assert.Single(File.ReadLines(folder["run/stats.jsonl"]));

        run.Dispose();
        Directory.Delete(folder["run/checkpoint-000000000200"], recursive: true);
        using var again = RunFolder.Open(folder["run"]);
        Assert.Equal(100, again.Resume(Groups(0)));
    }

    [Fact]
    public void The_check_finds_one_number_among_many()
    {
        using var scope = NewDisposeScope();
        Tensor good = randn(100, 7), empty = zeros([0, 3]), whole = ones([3], ScalarType.Int64), half = ones([2], ScalarType.Float16), twice = full([2], 1e300, ScalarType.Float64);
        (string, Tensor)[] all = [("good", good), ("empty", empty), ("whole", whole), ("half", half), ("double", twice), ("bad", ones(5))];
        Assert.Null(Finite.FirstBad(all));
        all[5].Item2[3] = float.NegativeInfinity;
        Assert.Equal("bad", Finite.FirstBad(all));
        half.fill_(float.NaN);
        Assert.Equal("half", Finite.FirstBad(all));
        Assert.Null(Finite.FirstBad([]));
    }
}
