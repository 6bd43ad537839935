using System.CommandLine;

namespace Manifold.Cli.Verbs;

/// <summary>The one list of verbs, in the order in which help shows them.</summary>
internal static class AllVerbs
{
    public static Command[] Make() =>
    [
        ListVerb.Make(),
        TrainVerb.Make(),
        PictureVerbs.Sample(),
        PictureVerbs.Reconstruct(),
        WalkVerbs.Interpolate(),
        WalkVerbs.Traverse(),
        WalkVerbs.Arithmetic(),
        PictureVerbs.Manifold(),
        JudgeVerbs.Invert(),
        EvaluateVerb.Make(),
        DensityVerb.Make(),
        JudgeVerbs.Compare(),
        JudgeVerbs.Timeline(),
        OrderVerbs.Score(),
        OrderVerbs.Complete(),
        DataVerb.Make(),
        VerifyResumeVerb.Make(),
        DoctorVerb.Make(),
    ];
}
