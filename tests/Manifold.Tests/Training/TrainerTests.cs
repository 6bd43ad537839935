using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

public class TrainerTests
{
    private static readonly TrainerSettings Short = new() { Examples = 640, BatchSize = 32, LogEvery = 320, LookEvery = 320, SaveEvery = 320 };

    private static LikelihoodAlgorithm Algorithm(double rate = 1e-3)
    {
        manual_seed(7);
        var model = new Vae(new PictureShape(1, 4, 4), new VaeSettings { Hidden = [16], LatentDim = 2 });
        return new LikelihoodAlgorithm(model, model.Elbo, (terms, _) => terms.Nll.mean(), new OptimizerSettings { LearningRate = rate }, new Schedule(), 32);
    }

    // Pictures decided by position alone.
    private static Batch Data(long position, int count) =>
        new(stack([.. Enumerable.Range(0, count).Select(i => ((arange(16) * (position + i + 1)) % 7).gt(3).to_type(ScalarType.Float32).view(1, 4, 4))]));

    private sealed class MemoryStore : IRunStore
    {
        public List<(long Examples, Dictionary<string, double> Values)> Lines { get; } = [];
        public List<(long Examples, double? Score, Dictionary<string, float[]> Model)> Saved { get; } = [];
        private IReadOnlyDictionary<string, PartialSum> pending = new Dictionary<string, PartialSum>();

        public void Log(long examplesSeen, IReadOnlyDictionary<string, double> values) => Lines.Add((examplesSeen, values.ToDictionary()));
        public void Save(long examplesSeen, TensorGroups tensors, double? score)
        {
            pending = tensors.Pending;
            Saved.Add((examplesSeen, score, tensors.Groups.SelectMany(group => group.Value.Select(tensor => ($"{group.Key}/{tensor.Key}", tensor.Value.to_type(ScalarType.Float32).flatten().data<float>().ToArray()))).ToDictionary()));
        }

        public long? Resume(TensorGroups tensors)
        {
            if (Saved.Count == 0) return null;
            using var _ = no_grad();
            foreach (var (name, tensor) in tensors.Groups.SelectMany(group => group.Value.Select(tensor => ($"{group.Key}/{tensor.Key}", tensor.Value))))
                tensor.copy_(torch.tensor(Saved[^1].Model[name]).view(tensor.shape));
            tensors.Pending = pending;
            return Saved[^1].Examples;
        }
    }

    private sealed class Observer(Func<Moment, IReadOnlyDictionary<string, double>> look) : IObserver
    {
        public IReadOnlyDictionary<string, double> Look(Moment moment) => look(moment);
    }

    [Fact]
    public void A_run_stopped_before_its_first_step_begins_its_log_once()
    {
        var store = new MemoryStore();
        new Trainer(Algorithm(), Data, Short, store, CPU).Run(new CancellationToken(canceled: true));
        Assert.Equal(0, Assert.Single(store.Saved).Examples);
        new Trainer(Algorithm(), Data, Short, store, CPU).Run();
        Assert.Single(store.Lines, line => line.Examples == 0);
    }

    [Fact]
    public void It_logs_looks_and_saves_at_its_times_and_at_the_end()
    {
        var store = new MemoryStore();
        var looks = new List<long>();
        var trainer = new Trainer(Algorithm(), Data, Short with { Examples = 700, LogEvery = 200 }, store, CPU)
        {
            Observers = [new Observer(moment => { looks.Add(moment.ExamplesSeen); return new Dictionary<string, double> { ["val"] = 1000 - moment.ExamplesSeen }; })],
            BestBy = new Ranking("val"),
        };

        Assert.Equal(704, trainer.Run());                                    // whole batches
        Assert.Equal([0, 320, 640, 704], looks);
        Assert.Equal([0, 224, 320, 416, 608, 640, 704], store.Lines.Select(line => line.Examples));
        Assert.Equal([(0, 1000.0), (320, 680.0), (640, 360.0), (704, 296.0)], store.Saved.Select(saved => (saved.Examples, saved.Score!.Value)));
    }

    [Fact]
    public void A_resumed_run_ends_exactly_where_an_uninterrupted_one_does()
    {
        MemoryStore whole = new(), pieces = new();
        new Trainer(Algorithm(), Data, Short, whole, CPU).Run();
        new Trainer(Algorithm(), Data, Short with { Examples = 320 }, pieces, CPU).Run();
        new Trainer(Algorithm(), Data, Short, pieces, CPU).Run();

        Assert.Equal(whole.Saved[^1].Model.Keys, pieces.Saved[^1].Model.Keys);
        Assert.All(whole.Saved[^1].Model, tensor => Assert.Equal(tensor.Value, pieces.Saved[^1].Model[tensor.Key]));
        Assert.Contains(whole.Saved[^1].Model.Keys, name => name.StartsWith("optimizer/", StringComparison.Ordinal));
    }

    // An observer that draws from the global generator, as sampling does, must not move the training.
    [Fact]
    public void Who_looks_leaves_no_trace()
    {
        MemoryStore alone = new(), watched = new();
        new Trainer(Algorithm(), Data, Short, alone, CPU).Run();
        new Trainer(Algorithm(), Data, Short with { LookEvery = 32 }, watched, CPU)
        {
            Observers = [new Observer(_ => { randn(17).Dispose(); return new Dictionary<string, double>(); })],
        }.Run();
        Assert.All(alone.Saved[^1].Model, tensor => Assert.Equal(tensor.Value, watched.Saved[^1].Model[tensor.Key]));
    }

    [Fact]
    public void An_observer_sees_the_averages_and_training_the_weights()
    {
        var algorithm = Algorithm(rate: 0.05);
        var store = new MemoryStore();
        float[]? seen = null;
        new Trainer(algorithm, Data, Short, store, CPU)
        {
            Observers = [new Observer(moment => { seen = moment.Algorithm.Networks["model"].state_dict()["encoder.0.bias"].data<float>().ToArray(); return new Dictionary<string, double>(); })],
        }.Run();

        Assert.Equal(store.Saved[^1].Model["ema/model.encoder.0.bias"], seen);
        Assert.NotEqual(store.Saved[^1].Model["model/model.encoder.0.bias"], seen);
    }

    // The average of what the weights were after each step, kept beside the run in double precision.
    [Fact]
    public void The_average_follows_every_step()
    {
        var algorithm = Algorithm(rate: 0.05);
        var store = new MemoryStore();
        var weights = algorithm.Networks["model"].state_dict()["encoder.0.bias"];
        double[] Now() => [.. weights.detach().data<float>().ToArray().Select(value => (double)value)];
        double[]? average = null;
        var before = 0L;
        new Trainer(algorithm, Data, Short, store, CPU)
        {
            Progress = progress =>
            {
                var keep = Math.Pow(0.5, (progress.ExamplesSeen - before) / Math.Min(Short.EmaHalfLife, 0.05 * progress.ExamplesSeen));
                average = average is null ? Now() : [.. average.Zip(Now(), (old, live) => keep * old + (1 - keep) * live)];
                before = progress.ExamplesSeen;
            },
        }.Run();
        Assert.Equal(store.Saved[^1].Model["ema/model.encoder.0.bias"].Select(value => (double)value), average!, (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void A_stop_saves_where_it_is()
    {
        var store = new MemoryStore();
        using var stop = new CancellationTokenSource();
        var trainer = new Trainer(Algorithm(), Data, Short, store, CPU) { Progress = progress => { if (progress.ExamplesSeen >= 96) stop.Cancel(); } };
        Assert.Equal(96, trainer.Run(stop.Token));
        Assert.Equal([0, 96], store.Saved.Select(saved => saved.Examples));
        Assert.Equal([0], store.Lines.Select(line => line.Examples));          // the line that is under way goes on after a resume
    }

    // From 480 examples on one pixel is infinite, and so are loss and gradients.
    [Fact]
    public void A_loss_that_is_not_finite_stops_the_run_and_names_what_went_bad_first()
    {
        var store = new MemoryStore();
        Batch Poisoned(long position, int count) => position < 480 ? Data(position, count) : new Batch(Data(position, count).X * float.PositiveInfinity);
        var error = Assert.Throws<NonFiniteException>(() => new Trainer(Algorithm(), Poisoned, Short, store, CPU).Run());

        Assert.Equal(480, error.ExamplesSeen);
        Assert.Contains("network model, parameter encoder.0.weight", error.Culprit);
        Assert.Equal(320, store.Saved[^1].Examples);
        Assert.All(store.Saved[^1].Model.Values.SelectMany(values => values), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void A_step_leaves_no_tensors_behind()
    {
        var algorithm = Algorithm();
        var store = new MemoryStore();
        var counts = new List<long>();
        GC.Collect();
        GC.WaitForPendingFinalizers();                          // what other tests left is not to die in between
        new Trainer(algorithm, Data, Short with { LogEvery = 100_000, LookEvery = 100_000, SaveEvery = 100_000 }, store, CPU) { Progress = _ => counts.Add(Tensor.TotalCount) }.Run();
        Assert.Single(counts.Skip(2).SkipLast(1).Distinct());   // the first steps make moments and sums, the last drains them
    }
}
