namespace Manifold.Evaluation;

/// <summary>Tests of whether chance explains what is seen.</summary>
public static class RankTest
{
    /// <summary>Mann and Whitney's: the chance, if both were of one law, of numbers of the first being so much the smaller. Ties count half.</summary>
    /// <remarks>Mann and Whitney 1947, https://doi.org/10.1214/aoms/1177730491; the normal law with the correction for ties.</remarks>
    /// <returns>The share of pairs in which the first is smaller, and the one-sided p-value.</returns>
    public static (double Share, double P) IsSmaller(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double n = first.Count, m = second.Count;
        if (n == 0 || m == 0) throw new ArgumentException("A rank test needs numbers on both sides.", nameof(first));
        var all = first.Select(value => (value, isFirst: true)).Concat(second.Select(value => (value, isFirst: false))).OrderBy(pair => pair.value).ToList();
        double rankSum = 0, ties = 0;
        for (var i = 0; i < all.Count;)
        {
            var end = i;
            while (end < all.Count && all[end].value.Equals(all[i].value)) end++;
            double count = end - i;
            var rank = (i + 1 + end) / 2.0;                                     // the mean of the ranks that the tied ones share
            for (var j = i; j < end; j++) if (all[j].isFirst) rankSum += rank;
            ties += count * count * count - count;
            i = end;
        }
        var u = rankSum - n * (n + 1) / 2;                                      // pairs in which the first is larger, ties half
        var total = n + m;
        var deviation = Math.Sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))));
        var z = deviation == 0 ? 0 : (u - n * m / 2) / deviation;
        return (1 - u / (n * m), NormalBelow(z));
    }

    /// <summary>The chance of so many heads or more of a fair coin; the normal law with half a count of continuity.</summary>
    public static double AtLeast(double heads, double throws) => NormalBelow(-(heads - 0.5 - throws / 2) / Math.Sqrt(throws / 4));

    /// <summary>The chance of so many marked ones or more among those drawn without putting back; exact, however small (Fisher).</summary>
    /// <param name="found">Marked ones among the drawn.</param>
    /// <param name="drawn">0 to total.</param>
    /// <param name="marked">Marked ones in all, 0 to total.</param>
    /// <remarks>P(X >= found) of the hypergeometric law: the logarithms of its terms, each from the one before by their quotient, and their sums.</remarks>
    public static double MarkedAtLeast(int found, int drawn, int marked, int total)
    {
        if (drawn < 0 || drawn > total || marked < 0 || marked > total) throw new ArgumentException($"Of {total} there are {marked} marked and {drawn} drawn; each needs 0 to {total}.", nameof(total));
        int least = Math.Max(0, drawn - (total - marked)), most = Math.Min(drawn, marked);
        if (found <= least) return 1;
        if (found > most) return 0;
        var logs = new double[most - least + 1];                               // of C(marked, k) C(total - marked, drawn - k), less that of the first
        for (var k = least; k < most; k++)
            logs[k - least + 1] = logs[k - least] + Math.Log((double)(marked - k) * (drawn - k) / ((k + 1.0) * (total - marked - drawn + k + 1.0)));
        return Math.Min(1, Math.Exp(LogSumExp(logs.AsSpan(found - least)) - LogSumExp(logs)));
    }

    private static double LogSumExp(ReadOnlySpan<double> logs)
    {
        double most = double.NegativeInfinity, sum = 0;
        foreach (var log in logs) most = Math.Max(most, log);
        foreach (var log in logs) sum += Math.Exp(log - most);
        return most + Math.Log(sum);
    }

    /// <summary>Phi(z).</summary>
    internal static double NormalBelow(double z) => 0.5 * Complement(-z / Math.Sqrt(2));

    // erfc, by the same libtorch that all else uses.
    private static double Complement(double x)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        return TorchSharp.torch.special.erfc(TorchSharp.torch.tensor(x)).item<double>();
    }
}
