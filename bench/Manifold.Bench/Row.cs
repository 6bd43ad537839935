namespace Manifold.Bench;

/// <summary>A thing that is timed, ready to run.</summary>
/// <param name="Step">Once is one step.</param>
/// <param name="Flops">Floating point operations of its matrix products and convolutions, forward and backward; null where not counted.</param>
/// <param name="Note">What else there is to say when all steps are taken.</param>
internal sealed record Work(Action Step, double? Flops = null, Func<string>? Note = null);

/// <summary>The same thing in PyTorch: a script of bench/peers and its arguments after the number of threads.</summary>
internal sealed record PeerScript(string File, params string[] Arguments);

/// <summary>One line of the table.</summary>
/// <param name="What">What one step is, in a few words.</param>
internal sealed record Row(string Name, string What, Func<Work> Prepare, PeerScript? Peer);

/// <summary>What was measured; times are milliseconds a step.</summary>
/// <param name="Ratio">The median over the rounds of peer / ours; above 1 we are faster. Null without a peer, or where the row is void.</param>
/// <param name="Low">The lower quartile of that ratio over the rounds.</param>
/// <param name="High">The upper quartile.</param>
/// <param name="PeakShare">The work's own matrix products at the measured peak, as a share of the step's time.</param>
/// <param name="Peer">Who the peer is, or why there is no ratio.</param>
/// <param name="Contention">The largest share of a counted round in which some thread of the machine waited for a processor.</param>
/// <param name="Note">What the row adds of its own.</param>
internal sealed record Measured(
    string Name, double OursMs, double? PeerMs, double? Ratio, double? Low, double? High, string Peer, double? PeakShare, double PeakGflops, double Contention, string? Note = null);
