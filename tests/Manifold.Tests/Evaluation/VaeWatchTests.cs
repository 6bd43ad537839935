using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public class VaeWatchTests
{
    [Fact]
    public void The_share_is_one_for_the_mean_picture_and_zero_for_the_picture()
    {
        using var scope = NewDisposeScope();
        var x = rand(50, 1, 3, 3);
        Assert.Equal(1, VaeWatch.Share(x, x.mean([0], keepdim: true).expand(50, 1, 3, 3)), 6);
        Assert.Equal(0, VaeWatch.Share(x, x));
        Assert.Equal(0, VaeWatch.Share(zeros(4, 1, 2, 2), zeros(4, 1, 2, 2)));                    // data that does not vary has no mean to be better than
    }

    // By hand: a = {0, 2}, b = {1, 3} on a line. E|a - b| = 1.5, E|a - a'| = E|b - b'| = 2; (3 - 4) / 3.
    [Fact]
    public void The_energy_coefficient_by_hand()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(-1 / 3.0, VaeWatch.EnergyCoefficient(tensor(new[] { 0f, 2 }).view(2, 1), tensor(new[] { 1f, 3 }).view(2, 1)), 9);
        Assert.Equal(1, VaeWatch.EnergyCoefficient(zeros(3, 1), full([4, 1], 5f)), 9);             // two points
        Assert.Equal(0, VaeWatch.EnergyCoefficient(zeros(3, 1), zeros(4, 1)), 9);
    }

    // Exactly 0 in expectation for one distribution, and 1 - 2 sqrt(2/pi) / (E|N(m, 2)|) far apart.
    [Fact]
    public void The_energy_coefficient_tells_distributions_apart()
    {
        using var scope = NewDisposeScope();
        manual_seed(0);
        Assert.Equal(0, VaeWatch.EnergyCoefficient(randn(400, 10), randn(400, 10)), 0.005);
        Assert.InRange(VaeWatch.EnergyCoefficient(randn(400, 10), randn(400, 10) + 2), 0.25, 0.5);
    }

    [Fact]
    public void A_look_has_both_numbers_and_one_at_networks_as_they_were_made_has_none()
    {
        using var scope = NewDisposeScope();
        manual_seed(0);
        var data = DataSet.Open(new DataSettings());
        using var model = new Vae(data.Shape, new VaeSettings { Hidden = [8], LatentDim = 2 }, data.Classes);
        model.eval();
        var watch = new VaeWatch(model, data.Validation, CPU, count: 50);
        Assert.Empty(watch.Look(new Moment(0, false, null!)));
        var before = Tensor.TotalCount;
        var values = watch.Look(new Moment(1, false, null!));
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(["recon_share", "sample_gap"], values.Keys.Order(StringComparer.Ordinal));
        Assert.True(values["recon_share"] >= 0.98, $"{values["recon_share"]}");                   // networks as they were made tell nothing of a picture
    }
}
