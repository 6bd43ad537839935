using System.Globalization;
using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Recipes;
using Manifold.Tests.Cli;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

public partial class MemoryTests
{
    public static TheoryData<string> Names => [.. RecipeList.All.Select(entry => entry.Name)];

    private sealed class NoStore : IRunStore
    {
        public void Log(long examplesSeen, IReadOnlyDictionary<string, double> values) { }
        public void Save(long examplesSeen, TensorGroups tensors, double? score) { }
        public long? Resume(TensorGroups tensors) => null;
    }

    // Counted between collections, so that a tensor which only the finalizer would free counts as what it is: a leak.
    [Theory]
    [MemberData(nameof(Names))]
    public void A_step_leaves_no_tensor_behind(string name)
    {
        var recipe = RecipeList.Find(name).Tiny;
        var data = DataSet.Open(recipe.Data);
        var plan = TrainingRun.Build(recipe, DataFacts.Of(data), CPU);
        var counts = new List<long>();
        long batch = plan.Algorithm.BatchSize(0), examples = 100 * batch;                          // of a step, whatever parts it takes them in
        var trainer = new Trainer(plan.Algorithm, data.Train.Shuffled(0, recipe.Range), recipe.Trainer with { Examples = examples, LogEvery = 10 * batch, LookEvery = examples, SaveEvery = examples }, new NoStore(), CPU)
        {
            Progress = _ => counts.Add(Tensor.TotalCount),
        };
        GC.Collect();
        GC.WaitForPendingFinalizers();                                             // of what was made until here
        Assert.True(GC.TryStartNoGCRegion(200_000_000));
        try { trainer.Run(); }
        finally { if (System.Runtime.GCSettings.LatencyMode == System.Runtime.GCLatencyMode.NoGCRegion) GC.EndNoGCRegion(); }

        // The sums of the log are started anew after each of its lines, so the counts repeat every ten steps.
        Assert.Equal(101, counts.Count);
        for (var step = 20; step < counts.Count; step++) Assert.True(counts[step] == counts[step - 10], $"step {step}: {string.Join(" ", counts)}");
    }

    [Theory]
    [InlineData("vae", 5_000, 50)]
    public void Resident_memory_does_not_grow(string name, int steps, double most)
    {
        using var folder = new TemporaryFolder();
        const int batch = 20, warmUp = 500;
        var (code, output, error) = ManifoldProcess.Run("train", name, "--run", folder["run"], "--threads", "1", "--examples", $"{(steps + warmUp) * batch}",
            "--set", $"trainer.batch_size={batch}", "--set", $"trainer.log_every={warmUp * batch}", "--set", "trainer.look_every=20000", "--set", "trainer.save_every=20000");
        Assert.True(code == 0, error);
        var megabytes = Resident().Matches(output).Select(match => double.Parse(match.Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)).Skip(2).ToList();   // after the first look and the warm-up
        Assert.True(megabytes.Count >= steps / warmUp, output);
        Assert.True(megabytes[^1] - megabytes[0] < most, $"from {megabytes[0]} to {megabytes[^1]} MB: {string.Join(" ", megabytes)}");
    }

    [GeneratedRegex("rss ([0-9,]+) MB")]
    private static partial Regex Resident();
}
