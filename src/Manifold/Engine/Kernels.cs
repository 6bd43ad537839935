using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>
/// Operations of libtorch on whole lists of tensors, which TorchSharp does not bind: reached through TorchScript, compiled once.
/// </summary>
/// <remarks>
/// The text is a constant, and a test runs every function in it: an unknown name in TorchScript ends the process.
/// A function returns a tensor or nothing, because a number would come back as a native object that waits for the finalizer.
/// </remarks>
internal static class Kernels
{
    private const string Source = """
        def adam(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor],
                 rate: float, beta1: float, beta2: float, eps: float, decay: float):
            torch._fused_adam_(p, g, m, v, [], t, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False)

        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor],
                  rate: float, beta1: float, beta2: float, eps: float, decay: float):
            torch._fused_adamw_(p, g, m, v, [], t, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False)

        def adamax(p: List[Tensor], g: List[Tensor], m: List[Tensor], u: List[Tensor], t: List[Tensor],
                   rate: float, beta1: float, beta2: float, eps: float, decay: float):
            if decay != 0.0:
                g = torch._foreach_add(g, p, alpha=decay)
            torch._foreach_lerp_(m, g, 1.0 - beta1)
            size = torch._foreach_abs(g)
            torch._foreach_add_(size, eps)
            torch._foreach_mul_(u, beta2)
            torch._foreach_maximum_(u, size)
            bias = 1.0 - torch.pow(beta1, torch.stack(t).double())
            step = torch._foreach_div(m, u)
            torch._foreach_mul_(step, list(torch.unbind((-rate / bias).to(m[0].dtype))))
            torch._foreach_add_(p, step)

        def rmsprop(p: List[Tensor], g: List[Tensor], s: List[Tensor], b: List[Tensor],
                    rate: float, alpha: float, momentum: float, eps: float, decay: float):
            if decay != 0.0:
                g = torch._foreach_add(g, p, alpha=decay)
            torch._foreach_mul_(s, alpha)
            torch._foreach_addcmul_(s, g, g, 1.0 - alpha)
            root = torch._foreach_sqrt(s)
            torch._foreach_add_(root, eps)
            if momentum == 0.0:
                torch._foreach_addcdiv_(p, g, root, -rate)
            else:
                torch._foreach_mul_(b, momentum)
                torch._foreach_addcdiv_(b, g, root, 1.0)
                torch._foreach_add_(p, b, alpha=-rate)

        def sgd(p: List[Tensor], g: List[Tensor], b: List[Tensor], rate: float, momentum: float, decay: float):
            torch._fused_sgd_(p, g, b, weight_decay=decay, momentum=momentum, lr=rate, dampening=0.0, nesterov=False, maximize=False, is_first_step=False)

        def clip(g: List[Tensor], largest: float) -> Tensor:
            norm = torch.linalg_vector_norm(torch.stack(torch._foreach_norm(g)))
            torch._foreach_mul_(g, torch.clamp(largest / (norm + 1e-6), max=1.0))
            return norm

        def norm(g: List[Tensor]) -> Tensor:
            return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(g)))

        def norms(t: List[Tensor]) -> Tensor:
            return torch.stack([x.double() for x in torch._foreach_norm(t)]).sum()

        def add_one(t: List[Tensor]):
            torch._foreach_add_(t, 1.0)

        def lerp(a: List[Tensor], b: List[Tensor], weight: float):
            torch._foreach_lerp_(a, b, weight)

        def copy(a: List[Tensor], b: List[Tensor]):
            torch._foreach_copy_(a, b)

        def channels_last(x: Tensor) -> Tensor:
            return x.contiguous(memory_format=2)
        """;

    private static readonly Lazy<jit.CompilationUnit> unit = new(() => jit.compile(Source + "\n"));   // the parser wants a last line end

    /// <summary>Runs a function of the source. Numbers are passed as <see cref="Scalar"/>, which the caller disposes or keeps.</summary>
    public static Tensor? Run(string function, params object[] arguments) => (Tensor?)unit.Value.invoke(function, arguments);
}
