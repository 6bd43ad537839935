using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Recipes;
using Manifold.Training;
using TorchSharp;

namespace Manifold.Cli.Verbs;

/// <summary>What the verbs share: their common arguments, and how a failure becomes a sentence and an exit code.</summary>
internal static partial class Verb
{
    public static Argument<string> Recipe() => new("RECIPE") { Description = "What to train; `./manifold list` shows them." };
    public static Argument<string> Run() => new("RUN") { Description = "A run's folder, or one of its checkpoints." };
    public static Option<string?> Data() => new("--data") { Description = "A data set by name, or a folder, archive or idx file.", HelpName = "NAME|PATH" };
    public static Option<string?> DataRoot() => new("--data-root") { Description = "Where data sets are looked for by name; $MANIFOLD_DATA if not given.", HelpName = "DIR" };
    public static Option<string[]> Set() => new("--set") { Description = "Change a setting, such as model.latent_dim=8; `train RECIPE --dry-run` shows all of them.", HelpName = "a.b=value", DefaultValueFactory = _ => [] };
    public static Option<string> Device() => new("--device") { Description = "cpu, cuda or cuda:N.", HelpName = "D", DefaultValueFactory = _ => "cpu" };
    public static Option<int?> Threads() => new("--threads") { Description = "Threads of the CPU; libtorch's choice if not given.", HelpName = "N" };
    public static Option<string> Weights() => new("--weights") { Description = "ema (the averages) or live.", HelpName = "ema|live", DefaultValueFactory = _ => "ema" };
    public static Option<string?> Out() => new("--out") { Description = "The picture's file; in the run's folder if not given.", HelpName = "FILE" };
    public static Option<bool> Json() => new("--json") { Description = "One JSON object a line." };

    /// <summary>Runs a verb: libtorch is loaded first, and what goes wrong is said in a sentence.</summary>
    /// <param name="advice">What to do where memory is short.</param>
    public static int Do(Func<int> verb, string advice = "`./manifold train RECIPE --dry-run` says what a run needs.")
    {
        try
        {
            Native.Load();
            return verb();
        }
        catch (OperationCanceledException)
        {
            return Fail("stopped; nothing was written.", ExitCodes.Interrupted);
        }
        catch (Exception e) when (e is SettingsException or MetricException or ArgumentException and not ArgumentNullException)
        {
            return Fail(ParameterNote().Replace(e.Message, ""), ExitCodes.WrongUsage);
        }
        catch (ExternalException e)
        {
            // libtorch's own words, without the addresses that follow them.
            return Fail($"libtorch: {e.Message.Split('\n')[0]} ({Machine.ResidentBytes / 1e6:N0} MB are in use; {advice})", ExitCodes.Failed);
        }
        catch (Exception e) when (e is DataException or CheckpointException or NonFiniteException or DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            return Fail(e.Message, ExitCodes.Failed);
        }
    }

    // What .NET adds to the message of an argument that is wrong.
    [GeneratedRegex(@" \(Parameter '[^']*'\)|\nActual value was .*")]
    private static partial Regex ParameterNote();

    public static int Fail(string message, int code)
    {
        Console.Error.WriteLine($"manifold: {message}");
        return code;
    }

    /// <summary>The device that was asked for.</summary>
    /// <exception cref="SettingsException">It is no device, or this machine does not have it.</exception>
    public static torch.Device DeviceOf(string name)
    {
        if (name == "cpu") return torch.CPU;
        if (name != "cuda" && !(name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name[5..], out _)))
            throw new SettingsException($"--device is {name}; it needs cpu, cuda or cuda:N.");
        if (!torch.cuda.is_available())
            throw new SettingsException($"--device is {name}, and this libtorch sees no CUDA device. `./manifold doctor` says which libtorch it is.");
        var index = name == "cuda" ? 0 : int.Parse(name[5..]);
        return index < torch.cuda.device_count() ? new torch.Device(DeviceType.CUDA, index)
            : throw new SettingsException($"--device is {name}; this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0.");
    }

    /// <summary>A run's model; what is passed over is said.</summary>
    public static TrainedModel Open(string run, string weights, torch.Device device, (int Height, int Width)? size = null) =>
        TrainedModel.Open(run, weights, device, size, warning => Console.Error.WriteLine($"manifold: {warning}"));

    /// <exception cref="SettingsException">The value is smaller.</exception>
    public static int AtLeast(int least, int value, string option) =>
        value >= least ? value : throw new SettingsException($"{option} is {value}; it needs {least} or more.");

    /// <summary>A class that was asked for with --class; null where none was.</summary>
    /// <param name="classes">How many the model is told apart by; 0 for a model that is not told.</param>
    /// <exception cref="SettingsException">The model has no such class.</exception>
    public static int? ClassOf(int? given, TrainedModel trained, int classes)
    {
        if (given is null || given >= 0 && given < classes) return given;
        throw new SettingsException(classes == 0
            ? $"--class is {given}; {trained.Run.Path} is of a model that is not told the class (model.conditional, or model.conditioning for a game)."
            : $"--class is {given}; the model has the classes 0 to {classes - 1}.");
    }

    /// <exception cref="SettingsException">The value is outside.</exception>
    public static int Within(int least, int most, int value, string option) =>
        value >= least && value <= most ? value : throw new SettingsException($"{option} is {value}; it needs {least:N0} to {most:N0}.");

    /// <summary>A number of pictures on one sheet or in one animation, all of which are in memory at once.</summary>
    /// <param name="what">What asks for them, such as --steps for 3 walks.</param>
    /// <exception cref="SettingsException">There are more than <see cref="MostPictures"/>.</exception>
    public static int AtMost(long pictures, string what) =>
        pictures <= MostPictures ? (int)pictures
        : throw new SettingsException($"{what} asks for {pictures:N0} pictures; one sheet or animation has at most {MostPictures:N0}.");

    private const int MostPictures = 100_000;           // as many as --seeds allows

    private const int MostThreads = 64;                      // a run of a larger machine can go on here, slowly, with the threads that it had

    /// <param name="run">The folder of the run that is to go on: as many threads as its environment.json says are never too
    /// many.</param>
    /// <exception cref="SettingsException">There are none, or many more than there are processors.</exception>
    public static void UseThreads(int? threads, string? run = null)
    {
        if (threads is < 1) throw new SettingsException($"--threads is {threads}; it needs 1 or more.");
        var most = Math.Max(MostThreads, 4 * Environment.ProcessorCount);
        if (threads > most && !(threads <= RunEnvironment.MostThreads && threads == RecordedThreads(run)))
            throw new SettingsException($"--threads is {threads}, and this machine has {Environment.ProcessorCount} processors; " +
                $"the most is {most}. As many threads as processors are the fastest.");
        if (threads is { } n) Machine.SetThreads(n);
    }

    // What is wrong with the file is said when the run is opened.
    private static long? RecordedThreads(string? run)
    {
        if (string.IsNullOrWhiteSpace(run)) return null;
        try { return (long?)RunEnvironment.Stored(Path.Combine(run, "environment.json"))?["threads"]; }
        catch (Exception e) when (e is SettingsException or IOException or UnauthorizedAccessException) { return null; }
    }

    /// <summary>Writes a file whole or not at all, and says where.</summary>
    public static int Write(string path, byte[] content)
    {
        AtomicFile.Write(path, content);
        Console.WriteLine(path);
        return ExitCodes.Done;
    }
}
