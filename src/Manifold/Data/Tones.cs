namespace Manifold.Data;

/// <summary>Shares of a split's values that are nearly black and nearly white.</summary>
/// <param name="Black">Of 0 to <see cref="Near"/>, 0 to 1.</param>
/// <param name="White">Of 255 - <see cref="Near"/> to 255, 0 to 1.</param>
public readonly record struct Tones(double Black, double White)
{
    /// <summary>Grey levels from black or white that are nearly black or nearly white.</summary>
    public const int Near = 32;

    private const double LeastAtTheEnds = 0.75, LeastOfTheRarer = 1.0 / 3, LeastAtEachEnd = 0.01;

    /// <summary>
    /// Whether a value can be taken for a probability: three quarters of all are nearly black or white, and of those that are not of the commoner
    /// end a third are of the other. Digits are so (MNIST 92 % and 54 %, USPS 81 % and 45 %); grey shapes on black and Fashion-MNIST are not.
    /// And there is some of both, a hundredth: dark pictures are all nearly black, and bright ones all nearly white.
    /// </summary>
    public bool IsBlackAndWhite =>
        Black + White >= LeastAtTheEnds && Math.Min(Black, White) >= LeastAtEachEnd
        && Math.Min(Black, White) >= LeastOfTheRarer * (1 - Math.Max(Black, White));
}
