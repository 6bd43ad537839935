using static Manifold.Engine.SettingChecks;

namespace Manifold.Training;

/// <summary>The shape of a schedule after its warm-up.</summary>
public enum ScheduleKind
{
    /// <summary>1 throughout.</summary>
    Constant,

    /// <summary>From 1 straight to 0 over <see cref="Schedule.Over"/> examples.</summary>
    Linear,

    /// <summary>From 1 to 0 along half a cosine over <see cref="Schedule.Over"/> examples.</summary>
    Cosine,

    /// <summary>Times <see cref="Schedule.Factor"/> after every <see cref="Schedule.Every"/> examples.</summary>
    Step,
}

/// <summary>A multiplier of the learning rate as a function of the examples seen, and of nothing else: not of the run's length.</summary>
public sealed record Schedule
{
    public ScheduleKind Kind { get; init; } = ScheduleKind.Constant;
    public long WarmUp { get; init; }                // examples over which the multiplier rises from 0; it multiplies the shape, whose clock runs too
    public long Hold { get; init; }                  // examples before the fall of Linear, Cosine or Step begins
    public long Over { get; init; }                  // Linear, Cosine: examples of the fall
    public long Every { get; init; }                 // Step: examples between two falls
    public double Factor { get; init; } = 0.1;       // Step: what is left after each fall

    /// <summary>The multiplier, 0 to 1, for a step that is taken after this many examples.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting, or the number of examples, makes no sense; the message names it.</exception>
    public double At(long examplesSeen)
    {
        Need(examplesSeen >= 0, nameof(examplesSeen), examplesSeen, "to be at least 0");
        Validated();
        var warm = examplesSeen < WarmUp ? (double)examplesSeen / WarmUp : 1;
        var fallen = Math.Max(0, examplesSeen - Hold);
        return warm * Kind switch
        {
            ScheduleKind.Linear => 1 - Math.Min(1, (double)fallen / Over),
            ScheduleKind.Cosine => (1 + Math.Cos(Math.PI * Math.Min(1, (double)fallen / Over))) / 2,
            ScheduleKind.Step => Math.Pow(Factor, fallen / Every),   // whole falls: integer division
            _ => 1,
        };
    }

    /// <summary>Returns this schedule if it makes sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The message names the setting, its value and what it needs.</exception>
    public Schedule Validated()
    {
        Need(Enum.IsDefined(Kind), "schedule.kind", Kind, $"one of {string.Join(", ", Enum.GetNames<ScheduleKind>())}");
        Need(WarmUp >= 0, "schedule.warm_up", WarmUp, "to be at least 0");
        Need(Hold >= 0, "schedule.hold", Hold, "to be at least 0");
        var falls = Kind is ScheduleKind.Linear or ScheduleKind.Cosine;
        Need(Over > 0 || Over == 0 && !falls, "schedule.over", Over, falls ? $"to be above 0 for {Kind}" : "to be at least 0");
        Need(Every > 0 || Every == 0 && Kind != ScheduleKind.Step, "schedule.every", Every, Kind == ScheduleKind.Step ? $"to be above 0 for {Kind}" : "to be at least 0");
        Need(Factor is >= 0 and <= 1, "schedule.factor", Factor, "to be from 0 to 1");
        return this;
    }
}
