using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Layers;

/// <summary>Dropout whose chance is drawn by all cores: libtorch draws its numbers on a CPU one after the other, which took a fifth of PixelCNN++'s step.</summary>
/// <remarks>Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html; what stays is divided by the chance to stay, so nothing changes when it is off.</remarks>
public static class FastDropout
{
    private const int Levels = 1 << 16;                    // chances are multiples of 1/65536

    /// <summary>x with each number set to 0 by chance.</summary>
    /// <param name="probability">Of a number to be set to 0, [0, 1).</param>
    public static Tensor Of(Tensor x, double probability, bool isTraining)
    {
        if (!isTraining || probability == 0) return x;
        if (x.device.type != DeviceType.CPU || x.dtype != ScalarType.Float32) return nn.functional.dropout(x, probability, training: true);
        using var scope = NewDisposeScope();
        var seed = randint(0, long.MaxValue, [1], ScalarType.Int64).item<long>();   // of torch's own generator: a run's seed decides it
        var mask = empty_like(x);
        Fill(mask, (ulong)seed, (int)Math.Round(probability * Levels));
        return (x * mask).MoveToOuterDisposeScope();
    }

    private static unsafe void Fill(Tensor mask, ulong seed, int threshold)
    {
        using var flat = mask.is_contiguous() ? mask.alias() : mask.permute(0, 2, 3, 1);
        var (address, count) = ((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(flat.bytes)), mask.numel());
        var kept = (float)Levels / (Levels - threshold);
        void Block(int block)
        {
            var target = (float*)address;
            for (long i = (long)block * BlockSize, end = Math.Min(count, i + BlockSize); i < end; i += 4)
            {
                var bits = Mixed(seed + (ulong)(i / 4) * 0x9E3779B97F4A7C15);
                for (var j = i; j < Math.Min(i + 4, end); j++, bits >>= 16) target[j] = (int)(bits & (Levels - 1)) < threshold ? 0 : kept;
            }
        }
        var blocks = (int)((count + BlockSize - 1) / BlockSize);
        Parallel.For(0, blocks, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, Block);
    }

    private const int BlockSize = 1 << 16;

    // SplitMix64 (Steele et al. 2014): the numbers of a counter, mixed.
    private static ulong Mixed(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
