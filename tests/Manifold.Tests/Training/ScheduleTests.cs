using System.Text.Json;
using Manifold.Training;

namespace Manifold.Tests.Training;

public class ScheduleTests
{
    public static TheoryData<Schedule, long, double> ByHand => new()
    {
        { new Schedule(), 0, 1 },
        { new Schedule(), 1_000_000_000, 1 },
        { new Schedule { WarmUp = 100 }, 0, 0 },
        { new Schedule { WarmUp = 100 }, 25, 0.25 },
        { new Schedule { WarmUp = 100 }, 100, 1 },
        { new Schedule { Kind = ScheduleKind.Linear, Over = 200 }, 50, 0.75 },
        { new Schedule { Kind = ScheduleKind.Linear, Over = 200 }, 300, 0 },
        { new Schedule { Kind = ScheduleKind.Linear, Over = 200, Hold = 200 }, 200, 1 },      // CycleGAN: half the run constant,
        { new Schedule { Kind = ScheduleKind.Linear, Over = 200, Hold = 200 }, 300, 0.5 },    // then straight to 0
        { new Schedule { Kind = ScheduleKind.Linear, Over = 200, WarmUp = 100 }, 50, 0.375 }, // 1/2 of 3/4
        { new Schedule { Kind = ScheduleKind.Cosine, Over = 300 }, 0, 1 },
        { new Schedule { Kind = ScheduleKind.Cosine, Over = 300 }, 100, 0.75 },               // (1 + cos 60°) / 2
        { new Schedule { Kind = ScheduleKind.Cosine, Over = 300 }, 150, 0.5 },
        { new Schedule { Kind = ScheduleKind.Cosine, Over = 300 }, 400, 0 },
        { new Schedule { Kind = ScheduleKind.Step, Every = 10, Factor = 0.5 }, 9, 1 },
        { new Schedule { Kind = ScheduleKind.Step, Every = 10, Factor = 0.5 }, 10, 0.5 },
        { new Schedule { Kind = ScheduleKind.Step, Every = 10, Factor = 0.5 }, 35, 0.125 },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void The_multiplier_by_hand(Schedule schedule, long examplesSeen, double multiplier) =>
        Assert.Equal(multiplier, schedule.At(examplesSeen), precision: 12);

    [Fact]
    public void A_schedule_survives_json()
    {
        var schedule = new Schedule { Kind = ScheduleKind.Cosine, WarmUp = 5, Over = 100 };
        Assert.Equal(schedule, JsonSerializer.Deserialize<Schedule>(JsonSerializer.Serialize(schedule)));
    }

    [Fact]
    public void A_fall_without_a_length_is_refused_by_name()
    {
        Refused("schedule.over is 0; it needs to be above 0 for Linear.", new Schedule { Kind = ScheduleKind.Linear });
        Refused("schedule.over is 0; it needs to be above 0 for Cosine.", new Schedule { Kind = ScheduleKind.Cosine });
        Refused("schedule.every is 0; it needs to be above 0 for Step.", new Schedule { Kind = ScheduleKind.Step });
        Refused("schedule.warm_up is -1; it needs to be at least 0.", new Schedule { WarmUp = -1 });
        Refused("schedule.factor is NaN; it needs to be from 0 to 1.", new Schedule { Kind = ScheduleKind.Step, Every = 1, Factor = double.NaN });

        static void Refused(string message, Schedule schedule) =>
            Assert.Equal(message, Assert.Throws<ArgumentOutOfRangeException>(() => schedule.At(0)).Message);
    }
}
