// Our speed, and the same work in PyTorch, side by side in one run.
//
//   dotnet run -c Release --project bench/Manifold.Bench -- [--only NAME] [--json] [--threads N] [--python PATH | --peer-root DIR]
//   dotnet run -c Release --project bench/Manifold.Bench -- --table optimizers     the measurement behind an ADR
//
// The peer is any python3 that has torch, or the root of a system that has one (entered with chroot, which needs root);
// MANIFOLD_PEER_PYTHON and MANIFOLD_PEER_ROOT say the same. Without one the rows have no ratio.

using System.Text.Json;
using Manifold.Bench;
using Manifold.Engine;
using TorchSharp;

Native.Load();

string? only = null, table = null, python = null, root = null;
var (json, threads) = (false, 2);
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--json": json = true; break;
        case "--only": only = Next(ref i); break;
        case "--table": table = Next(ref i); break;
        case "--threads": threads = int.Parse(Next(ref i)); break;
        case "--python": python = Next(ref i); break;
        case "--peer-root": root = Next(ref i); break;
        default: return Refuse($"No option {args[i]}; there are --only NAME, --json, --threads N, --python PATH, --peer-root DIR and --table NAME.");
    }
}
torch.set_num_threads(threads);

if (table is not null)
{
    if (!Rows.Tables.TryGetValue(table, out var print)) return Refuse($"No table {table}; there are: {string.Join(", ", Rows.Tables.Keys)}.");
    print();
    return 0;
}

var rows = Rows.All.Where(row => only is null || row.Name.StartsWith(only, StringComparison.Ordinal)).ToList();
if (rows.Count == 0) return Refuse($"No row {only}; there are: {string.Join(", ", Rows.All.Select(row => row.Name))}.");

var place = PeerPlace.Find(python, root);
var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
if (!json) Console.WriteLine($"{"row",-24}{"ours ms",9}{"peer ms",9}{"ratio",7}  {"(quartiles)",-14}{"of peak",8}{"busy",6}  peer");
foreach (var row in rows)
{
    var m = Stopwatches.Duel(row, place, threads);
    Console.WriteLine(json
        ? JsonSerializer.Serialize(m, options)
        : $"{m.Name,-24}{m.OursMs,9:F3}{m.PeerMs,9:F3}{m.Ratio,7:F2}  {(m.Ratio is null ? "" : $"({m.Low:F2}-{m.High:F2})"),-14}{m.PeakShare,8:P0}{m.Contention,6:P0}  {m.Peer}; {row.What}{(m.Note is null ? "" : $"; {m.Note}")}");
}
return 0;

string Next(ref int i) => ++i < args.Length ? args[i] : throw new ArgumentException($"{args[i - 1]} needs a value.");

int Refuse(string message)
{
    Console.Error.WriteLine(message);
    return 2;
}
