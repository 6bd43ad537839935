namespace Manifold.Cli;

/// <summary>What the process says when it ends.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;

    /// <summary>Stopped by Ctrl-C, after saving.</summary>
    public const int Interrupted = 130;
}
