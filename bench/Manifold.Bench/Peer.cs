using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Manifold.Bench;

/// <summary>Where the peer's Python is: an interpreter with torch, or the root of a system that has one.</summary>
internal sealed record PeerPlace(string? Python, string? Root)
{
    public const string PythonVariable = "MANIFOLD_PEER_PYTHON", RootVariable = "MANIFOLD_PEER_ROOT";

    public static PeerPlace? Find(string? python, string? root)
    {
        python ??= NullIfEmpty(Environment.GetEnvironmentVariable(PythonVariable));
        root ??= NullIfEmpty(Environment.GetEnvironmentVariable(RootVariable));
        return python is null && root is null ? null : new PeerPlace(python, python is null ? root : null);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}

/// <summary>A running script of bench/peers, which takes steps when it is told to.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process process;
    private readonly string? copy;   // of the scripts, inside the root

    /// <exception cref="InvalidOperationException">The script does not start; the message is its own.</exception>
    public Peer(PeerPlace place, PeerScript script, int threads)
    {
        var scripts = Path.Combine(AppContext.BaseDirectory, "peers");
        if (place.Root is not null)
        {
            var inside = $"/tmp/manifold-peers-{Environment.ProcessId}-{Guid.NewGuid():N}";
            copy = place.Root.TrimEnd('/') + inside;
            Directory.CreateDirectory(copy);
            foreach (var file in Directory.GetFiles(scripts)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            scripts = inside;
        }
        string[] command = place.Root is null ? [place.Python!] : ["chroot", place.Root, "/usr/bin/python3"];
        process = Process.Start(new ProcessStartInfo(command[0], [.. command[1..], $"{scripts}/{script.File}", $"{threads}", .. script.Arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();   // read on, or a full pipe would stop the peer
        if (process.StandardOutput.ReadLine() is not { } hello)
            throw new InvalidOperationException($"The peer {string.Join(' ', command)} does not start: {errors.Result.TrimEnd()}");
        using var ready = JsonDocument.Parse(hello);
        Torch = ready.RootElement.GetProperty("torch").GetString()!;
    }

    /// <summary>The version of its PyTorch.</summary>
    public string Torch { get; }

    /// <summary>Milliseconds a step, over this many.</summary>
    public double Steps(int count) => Ask($"steps {count}") * 1000 / count;

    /// <summary>GFLOP/s of its matrix product.</summary>
    public double Product(int n) => Ask($"product {n}");

    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5000)) process.Kill();
        process.Dispose();
        if (copy is not null) Directory.Delete(copy, recursive: true);
    }

    private double Ask(string order)
    {
        process.StandardInput.WriteLine(order);
        process.StandardInput.Flush();
        return double.Parse(process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"The peer ended at \"{order}\"."), CultureInfo.InvariantCulture);
    }
}
