using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

public class GanAlgorithmTests
{
    private static readonly OptimizerSettings still = new() { LearningRate = 0 }, moving = new() { LearningRate = 1e-3, Beta1 = 0.5 };

    private static Gan Make(int classes = 0, Norm norm = Norm.Batch, Conditioning conditioning = Conditioning.None)
    {
        manual_seed(5);
        var gan = new Gan(new PictureShape(1, 16, 16), new GanSettings { LatentDim = 4, Width = 4, DiscriminatorNorm = norm, Conditioning = conditioning }, classes);
        gan.train();
        return gan;
    }

    private static Batch Pictures(int count)
    {
        manual_seed(6);
        return new Batch(rand(count, 1, 16, 16) * 2 - 1) { Labels = arange(count).remainder(3) };
    }

    private static Dictionary<string, Tensor> Copy(nn.Module network) => network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
    private static bool Moved(nn.Module network, Dictionary<string, Tensor> before) => network.named_parameters().Any(p => !p.parameter.equal(before[p.name]).all().item<bool>());

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_update_of_one_network_leaves_the_other_to_the_byte(bool ofD)
    {
        using var scope = NewDisposeScope();
        var gan = Make();
        var algorithm = new GanAlgorithm(gan, new AdversarialObjective(), ofD ? still : moving, ofD ? moving : still, new Schedule(), 6);
        var (g, d) = (Copy(gan.Generator), Copy(gan.Discriminator));
        algorithm.Step(Pictures(6), 0);
        Assert.Equal(!ofD, Moved(gan.Generator, g));
        Assert.Equal(ofD, Moved(gan.Discriminator, d));
    }

    // Worked out beside it, in the order in which the step draws: codes, then G, then D on real and on fake apart, in training mode.
    [Fact]
    public void The_losses_are_those_of_the_paper_with_real_and_fake_apart()
    {
        using var scope = NewDisposeScope();
        var batch = Pictures(6);
        var twin = Make();
        manual_seed(7);
        var fake = twin.Generator.call(randn(6, 4), null);
        var (onReal, onFake) = (twin.Discriminator.call(batch.X, null).Score, twin.Discriminator.call(fake, null).Score);
        var dLoss = -(onReal.sigmoid().log().mean() + (1 - onFake.sigmoid()).log().mean());
        var gLoss = -twin.Discriminator.call(twin.Generator.call(randn(6, 4), null), null).Score.sigmoid().log().mean();

        var gan = Make();
        var algorithm = new GanAlgorithm(gan, new AdversarialObjective(), still, still, new Schedule(), 6);
        manual_seed(7);
        var log = algorithm.Step(batch, 0).ToDictionary(entry => entry.Name, entry => entry.Value.item<float>());
        Assert.Equal(dLoss.item<float>(), log["d_loss"], 1e-5);
        Assert.Equal(gLoss.item<float>(), log["g_loss"], 1e-5);
        Assert.True(log["g_grad"] > 0);
    }

    // What D's weights hold after a step is the gradient of D's own loss: nothing of it comes from G's, and nothing is computed for it.
    [Fact]
    public void The_generators_update_asks_nothing_of_the_discriminators_weights()
    {
        using var scope = NewDisposeScope();
        var batch = Pictures(6);
        var twin = Make();
        manual_seed(7);
        var fake = twin.Generator.call(randn(6, 4), null).detach();
        (twin.Discriminator.call(batch.X, null).Score.neg().exp().log1p().mean() + twin.Discriminator.call(fake, null).Score.exp().log1p().mean()).backward();

        var gan = Make();
        manual_seed(7);
        new GanAlgorithm(gan, new AdversarialObjective(), still, still, new Schedule(), 6).Step(batch, 0);
        foreach (var ((name, expected), (_, actual)) in twin.Discriminator.named_parameters().Zip(gan.Discriminator.named_parameters()))
        {
            Assert.True(actual.grad!.allclose(expected.grad!, 1e-3, 1e-5), name);
            Assert.True(actual.requires_grad, name);
        }
        Assert.All(twin.Generator.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_update_of_D_has_examples_of_its_own(int steps)
    {
        using var scope = NewDisposeScope();
        var algorithm = new GanAlgorithm(Make(), new AdversarialObjective { DiscriminatorSteps = steps }, moving, moving, new Schedule(), 4);
        Assert.Equal(4 * steps, algorithm.BatchSize(0));
        algorithm.Step(Pictures(4 * steps), 0);
        Assert.Equal(steps, algorithm.Optimizers["discriminator"].State["step"][0].item<float>());
        Assert.Equal(1, algorithm.Optimizers["generator"].State["step"][0].item<float>());
    }

    [Theory]
    [InlineData(GameKind.NonSaturating, 1.0, "r1")]
    [InlineData(GameKind.LeastSquares, 1.0, "r1")]
    [InlineData(GameKind.WassersteinGp, 0, "gradient_penalty")]
    [InlineData(GameKind.Hinge, 10.0, "r1")]
    public void Penalties_reach_the_discriminator(GameKind kind, double r1, string logged)
    {
        using var scope = NewDisposeScope();
        float[] Gradient(AdversarialObjective objective)
        {
            var gan = Make(norm: Norm.Layer);
            manual_seed(8);
            var log = new GanAlgorithm(gan, objective, still, still, new Schedule(), 6).Step(Pictures(6), 0);
            if (objective.R1 > 0 || objective.GradientPenalty != 0) Assert.True(log.Single(entry => entry.Name == logged).Value.item<float>() > 0);
            return gan.Discriminator.parameters().First().grad!.cpu().data<float>().ToArray();
        }
        Assert.NotEqual(Gradient(new AdversarialObjective { Game = kind, GradientPenalty = 0, Drift = 0 }), Gradient(new AdversarialObjective { Game = kind, R1 = r1, Drift = 0 }));
    }

    [Fact]
    public void Lazy_R1_is_taken_every_so_many_steps()
    {
        using var scope = NewDisposeScope();
        var algorithm = new GanAlgorithm(Make(norm: Norm.None), new AdversarialObjective { R1 = 1, R1Every = 4 }, moving, moving, new Schedule(), 6);
        Assert.Equal([true, false, false, false, true], Enumerable.Range(0, 5).Select(i => algorithm.Step(Pictures(6), 6 * i).Any(entry => entry.Name == "r1")));
    }

    [Fact]
    public void Instance_noise_fades()
    {
        using var scope = NewDisposeScope();
        float Score(long seen)
        {
            manual_seed(9);
            var gan = Make(norm: Norm.None);
            manual_seed(9);
            return new GanAlgorithm(gan, new AdversarialObjective { InstanceNoise = 5, InstanceNoiseOver = 100 }, still, still, new Schedule(), 6).Step(Pictures(6), seen).First(entry => entry.Name == "d_real").Value.item<float>();
        }
        Assert.NotEqual(Score(0), Score(100));
        Assert.Equal(Score(100), Score(200));
    }

    [Fact]
    public void A_discriminator_that_classifies_is_taught_and_teaches()
    {
        using var scope = NewDisposeScope();
        var gan = Make(classes: 3, conditioning: Conditioning.Classifier);
        var log = new GanAlgorithm(gan, new AdversarialObjective(), moving, moving, new Schedule(), 6).Step(Pictures(6), 0).ToDictionary(entry => entry.Name, entry => entry.Value.item<float>());
        Assert.Equal(Math.Log(3), log["d_class"], 0.3);
        Assert.Equal(Math.Log(3), log["g_class"], 0.3);
    }

    // Goodfellow et al. 2014: where the generator has the data's law, no discriminator does better than 2 ln 2, on examples that it has not seen.
    [Fact]
    public void Between_two_halves_of_one_law_the_discriminator_learns_nothing()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings { Set = "ring" });
        manual_seed(10);
        var gan = new Gan(data.Shape, new GanSettings { Network = GanNetwork.Mlp, Hidden = [32], Activation = Activation.LeakyRelu, LatentDim = 2 });
        var adam = Optimizer.Create(new OptimizerSettings { LearningRate = 1e-3 }, gan.Discriminator.named_parameters());
        var game = Game.NonSaturating();
        Tensor Loss(Tensor a, Tensor b) => game.Real(gan.Discriminator.call(a, null).Score).mean() + game.Fake(gan.Discriminator.call(b, null).Score).mean();
        for (var i = 0; i < 300; i++)
        {
            using var step = NewDisposeScope();
            adam.ZeroGrad();
            Loss(data.Train.InOrder(256 * i, 128, PixelRange.Symmetric).X, data.Train.InOrder(256 * i + 128, 128, PixelRange.Symmetric).X).backward();
            adam.Step(1e-3);
        }
        using var _ = no_grad();
        Assert.Equal(2 * Math.Log(2), Loss(data.Test!.InOrder(0, 8000, PixelRange.Symmetric).X, data.Test.InOrder(8000, 8000, PixelRange.Symmetric).X).item<float>(), 0.02);
    }
}
