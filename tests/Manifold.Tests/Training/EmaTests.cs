using Manifold.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

public class EmaTests
{
    [Fact]
    public void The_average_by_hand()
    {
        var network = OneWeight(0);
        var ema = new Ema(network, halfLife: 100, rampUp: double.PositiveInfinity);

        Set(network, 8);
        ema.Update(count: 100, examplesSeen: 100);   // one half-life: half of 0, half of 8
        Assert.Equal(4, Average(ema), 1e-6);

        Set(network, 0);
        ema.Update(count: 200, examplesSeen: 300);   // two half-lives: a quarter of 4
        Assert.Equal(1, Average(ema), 1e-6);
    }

    [Fact]
    public void The_ramp_shortens_the_half_life_at_the_start()
    {
        var ema = new Ema(OneWeight(0), halfLife: 100, rampUp: 0.05);
        Assert.Equal(0, ema.Decay(10, examplesSeen: 0));                         // nothing to remember yet
        Assert.Equal(0.25, ema.Decay(10, examplesSeen: 100), 1e-12);             // half-life 5: two of them
        Assert.Equal(Math.Sqrt(0.5), ema.Decay(50, examplesSeen: 2000), 1e-12);  // 100 from here on
        Assert.Equal(Math.Sqrt(0.5), ema.Decay(50, examplesSeen: 1_000_000), 1e-12);
    }

    [Fact]
    public void Two_steps_of_a_constant_weight_decay_as_one_of_both()
    {
        var ema = new Ema(OneWeight(0), halfLife: 100, rampUp: double.PositiveInfinity);
        Assert.Equal(ema.Decay(30, 90), ema.Decay(10, 90) * ema.Decay(20, 90), 1e-12);
    }

    [Fact]
    public void Running_statistics_are_the_live_networks()
    {
        var network = nn.BatchNorm1d(2);
        var ema = new Ema(network, halfLife: 1e9, rampUp: double.PositiveInfinity);
        network.train();
        network.call(tensor(new float[] { 0, 10, 2, 30 }).reshape(2, 2));        // means 1 and 20, times momentum 0.1
        using (no_grad()) network.weight!.fill_(5);

        ema.Update(2, 2);

        Assert.Equal([0.1f, 2f], ema.Tensors["running_mean"].data<float>().ToArray());
        Assert.Equal(1, ema.Tensors["num_batches_tracked"].item<long>());
        Assert.Equal(1, ema.Tensors["weight"][0].item<float>(), 1e-6);           // but the weight has hardly moved
    }

    [Fact]
    public void The_average_stands_in_until_it_is_disposed_and_then_every_byte_is_back()
    {
        manual_seed(0);
        var network = nn.Linear(3, 4);
        var ema = new Ema(network, halfLife: 100, rampUp: double.PositiveInfinity);
        using (no_grad()) network.weight!.normal_();
        ema.Update(10, 10);
        byte[] live = network.weight!.bytes.ToArray(), average = ema.Tensors["weight"].bytes.ToArray();
        Assert.NotEqual(live, average);

        var swapped = ema.SwappedIn();
        Assert.Equal(average, network.weight.bytes.ToArray());
        swapped.Dispose();
        swapped.Dispose();   // again does nothing

        Assert.Equal(live, network.weight.bytes.ToArray());
        Assert.Equal(average, ema.Tensors["weight"].bytes.ToArray());
    }

    [Fact]
    public void An_average_that_lost_its_network_is_refused()
    {
        var network = nn.Linear(2, 2);
        var ema = new Ema(network, halfLife: 100);
        network.to(ScalarType.Float64);   // new parameters: the old ones would be averaged for ever
        Assert.StartsWith("The network has new parameters", Assert.Throws<InvalidOperationException>(() => ema.SwappedIn()).Message);
        Assert.StartsWith("The network has new parameters", Assert.Throws<InvalidOperationException>(() => ema.Update(1, 1)).Message);
    }

    [Theory]
    [InlineData(0, 0.05, "halfLife")]
    [InlineData(double.NaN, 0.05, "halfLife")]
    [InlineData(100, 0, "rampUp")]
    public void A_half_life_of_nothing_is_refused(double halfLife, double rampUp, string name) =>
        Assert.Throws<ArgumentOutOfRangeException>(name, () => new Ema(OneWeight(0), halfLife, rampUp));

    private static Linear OneWeight(float value)
    {
        var network = nn.Linear(1, 1, hasBias: false);
        Set(network, value);
        return network;
    }

    private static void Set(Linear network, float value)
    {
        using var still = no_grad();
        network.weight!.fill_(value);
    }

    private static double Average(Ema ema) => ema.Tensors["weight"].item<float>();
}
