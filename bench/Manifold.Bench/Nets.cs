using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Bench;

/// <summary>A network to step, as bench/peers/optimizers.py has it too.</summary>
internal sealed record Net(string Name, Module<Tensor, Tensor> Module, Tensor X)
{
    public IReadOnlyList<(string name, Parameter parameter)> Parameters { get; } = [.. Module.named_parameters()];

    public Tensor Loss() => Module.call(X).square().mean();

    public static Net Named(string name)
    {
        manual_seed(0);
        return name switch
        {
            "mlp" => new(name, Sequential(Linear(784, 400), ReLU(), Linear(400, 20), Linear(20, 400), ReLU(), Linear(400, 784)), rand(128, 784)),
            "conv" => new(name, Sequential(
                Conv2d(1, 32, 3, stride: 2, padding: 1), BatchNorm2d(32), ReLU(),
                Conv2d(32, 64, 3, stride: 2, padding: 1), BatchNorm2d(64), ReLU(), Conv2d(64, 64, 3, padding: 1), ReLU(),
                Flatten(), Linear(3136, 10)), rand(64, 1, 28, 28)),
            "conv-wide" => new(name, Sequential(
                Conv2d(3, 64, 4, stride: 2, padding: 1), BatchNorm2d(64), ReLU(),
                Conv2d(64, 128, 4, stride: 2, padding: 1), BatchNorm2d(128), ReLU(), Conv2d(128, 128, 3, padding: 1), BatchNorm2d(128), ReLU(),
                Flatten(), Linear(128 * 8 * 8, 10)), rand(32, 3, 32, 32)),
            _ => new(name, Sequential([.. Enumerable.Range(0, 100).Select(i => Linear(8, 8))]), rand(16, 8)),
        };
    }
}
