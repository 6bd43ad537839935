using System.CommandLine;
using System.Globalization;
using Manifold.Data;
using Manifold.Evaluation;
using Spectre.Console;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>Which sets are here, which can be had, and whether they are whole.</summary>
internal static class DataVerb
{
    public static Command Make() => new Command("data", "See which data sets are here, get, check and import them.") { List(), Get(), Verify(), Import(), Bits() }.WithExample("./manifold data list");

    private static Command List()
    {
        var dataRoot = Verb.DataRoot();
        var command = new Command("list", "Show the sets that can be opened now, and those that can be fetched.") { dataRoot };
        command.SetAction(parsed => Verb.Do(() =>
        {
            var here = DataSet.Names(parsed.GetValue(dataRoot)).ToList();
            foreach (var name in here) Console.WriteLine($"{name,-18}{Describe(name, parsed.GetValue(dataRoot))}");
            foreach (var set in Catalogue.Sets.Where(set => !here.Contains(set.Name)))
                Console.WriteLine($"{set.Name,-18}not here; `./manifold data get {set.Name}` fetches {set.Bytes / 1e6:0} MB: {set.What}, licence {set.Licence}");
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold data list");
    }

    private static Command Get()
    {
        var name = Name();
        var dataRoot = Verb.DataRoot();
        var command = new Command("get", "Fetch a set from its public home; goes on where an earlier try stopped.") { name, dataRoot };
        command.SetAction((parsed, cancel) => Task.FromResult(Verb.Do(() =>
        {
            using var stop = new Interruption();
            var set = DataStore.Find(parsed.GetRequiredValue(name));
            var store = DataStore.At(parsed.GetValue(dataRoot));
            Console.WriteLine($"{set.Name}: {set.What}; licence: {set.Licence}; into {store.FolderOf(set.Name)}");
            try
            {
                if (Console.IsOutputRedirected) store.Get(set, stop: stop.Token).GetAwaiter().GetResult();
                else
                    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn()).Start(display =>
                    {
                        var bars = new Dictionary<string, ProgressTask>();
                        store.Get(set, (file, bytes, size) =>
                        {
                            if (!bars.TryGetValue(file, out var bar)) bars[file] = bar = display.AddTask(file, maxValue: size);
                            bar.Value = bytes;
                        }, stop.Token).GetAwaiter().GetResult();
                    });
            }
            catch (OperationCanceledException)
            {
                Console.WriteLine("Stopped; the same command goes on from here.");
                return ExitCodes.Interrupted;
            }
            return Report(store, set.Name);
        })));
        return command.WithExample("./manifold data get mnist");
    }

    private static Command Verify()
    {
        var name = Name();
        var dataRoot = Verb.DataRoot();
        var command = new Command("verify", "Check every file of a set, and read all its pictures.") { name, dataRoot };
        command.SetAction(parsed => Verb.Do(() => Report(DataStore.At(parsed.GetValue(dataRoot)), parsed.GetRequiredValue(name))));
        return command.WithExample("./manifold data verify mnist");
    }

    private static Command Import()
    {
        var path = new Argument<string>("PATH") { Description = "A folder of pictures (a subfolder a class, or none), a zip or tar.gz of them, an idx file, a CIFAR-10 binary, a NumPy array or a Parquet table." };
        var name = new Option<string>("--name") { Description = "What to call it.", HelpName = "NAME", Required = true };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Take it even if some of its pictures cannot be read." };
        var dataRoot = Verb.DataRoot();
        var command = new Command("import", "Copy pictures to where sets are found by name, after reading all of them.") { path, name, skipBad, dataRoot };
        command.SetAction(parsed => Verb.Do(() =>
        {
            var store = DataStore.At(parsed.GetValue(dataRoot));
            var set = store.Import(parsed.GetRequiredValue(path), parsed.GetRequiredValue(name), parsed.GetValue(skipBad));
            List<string> facts = [$"{parsed.GetRequiredValue(name)}: {Counts(set)}, in {store.FolderOf(parsed.GetRequiredValue(name))}", .. set.Description];
            if (set.Skipped > 0) facts.Add($"{set.Skipped:N0} cannot be read (train --skip-bad goes on without them)");
            Console.WriteLine(string.Join("; ", facts));
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold data import photos/ --name my-photos");
    }

    private static Command Bits()
    {
        var name = new Argument<string>("NAME|PATH") { Description = "A set by name, or a folder, archive or file of pictures." };
        var levels = new Option<int>("--levels") { Description = "Grey values, as data.levels.", HelpName = "N", DefaultValueFactory = _ => 256 };
        var dataRoot = Verb.DataRoot();
        var command = new Command("bits", "Say how many bits a value takes without a model: what bits_per_dim is to be held against.") { name, levels, dataRoot };
        command.SetAction(parsed => Verb.Do(() =>
        {
            using var scope = NewDisposeScope();
            var set = DataSet.Open(new DataSettings { Set = parsed.GetRequiredValue(name), Levels = parsed.GetValue(levels) }, parsed.GetValue(dataRoot));
            var part = set.HeldOut;
            long png = 0;
            for (var at = 0; at < part.Count; at += 100)
            {
                using var inner = NewDisposeScope();
                png += Manifold.Pictures.Grid.Of(part.InOrder(at, Math.Min(100, part.Count - at), PixelRange.Unit).X, 10, gap: 0, scale: 1).ToPng().Length;
            }
            var dims = (double)part.Count * set.Shape.Dims;
            void Line(string what, double bits) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-12}{bits,8:F4} bits a value  ({set.Name} {part.Name}, {part.Count:N0} pictures)"));
            Line("uniform", Yardsticks.Uniform(parsed.GetValue(levels)));
            Line("marginal", Yardsticks.Marginal(set.Train, part, parsed.GetValue(levels)));
            Line("png", png * 8 / dims);
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold data bits bundled");
    }

    private static Argument<string> Name() => new("NAME") { Description = "A set; `./manifold data list` shows them." };

    private static int Report(DataStore store, string name)
    {
        var results = store.Verify(name).ToList();
        foreach (var (verdict, what) in results) Console.WriteLine($"{verdict,-9}{what}");
        return results.All(result => result.Verdict == "ok") ? ExitCodes.Done : ExitCodes.Failed;
    }

    // A set that cannot be opened is said to be there, and why it cannot.
    private static string Describe(string name, string? dataRoot)
    {
        try { return Counts(DataSet.Open(new DataSettings { Set = name }, dataRoot)); }
        catch (DataException e) { return e.Message; }
    }

    private static string Counts(DataSet set) => $"{set.Shape,-10}{set.Train.Count,8:N0} train{set.Validation.Count,8:N0} validation{set.Test?.Count ?? 0,8:N0} test";
}
