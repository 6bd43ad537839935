using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Manifold.Data;

/// <summary>Fetches a file whose size and SHA-256 are known: goes on with what an earlier try left, tries each home, and puts nothing wrong in place.</summary>
/// <param name="stall">How long a home may say nothing before the next is tried.</param>
public sealed class Download(TimeSpan stall) : IDisposable
{
    /// <summary>What a file that is not whole yet has after its name.</summary>
    public const string Unfinished = ".part";

    private readonly HttpClient client = new() { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Fetches the file into a folder under its own name; one that is there and right is left alone.</summary>
    /// <param name="progress">Called with the bytes that are here so far.</param>
    /// <exception cref="DataException">No home gave the file; the message says what each answered. What came is kept for the next try.</exception>
    public async Task Fetch(CatalogueFile file, string folder, Action<long>? progress = null, CancellationToken stop = default)
    {
        var path = Path.Combine(folder, file.Name);
        if (File.Exists(path) && Sha256(path) == file.Sha256) return;

        var part = path + Unfinished;
        var answers = new List<string>();
        foreach (var home in file.Homes)
        {
            var address = new Uri(home, file.Name);
            try
            {
                Directory.CreateDirectory(folder);
                await Take(address, part, file, progress, stop);
                if (Sha256(part) is var found && found != file.Sha256)
                {
                    File.Delete(part);           // going on with it would keep what is wrong
                    throw new InvalidDataException($"what it gave has SHA-256 {found}, not {file.Sha256}");
                }
                File.Move(part, path, overwrite: true);
                return;
            }
            catch (Exception e) when (e is HttpRequestException or InvalidDataException or IOException or UnauthorizedAccessException or TimeoutException)
            {
                answers.Add($"{address}: {e.Message.TrimEnd('.')}");
            }
        }
        throw new DataException($"{file.Name} could not be fetched. {string.Join("; ", answers)}. Try again with a network (it goes on where it stopped), or put the file in {folder} yourself.");
    }

    /// <summary>The SHA-256 of a file, in lower-case hexadecimal.</summary>
    public static string Sha256(string path)
    {
        using var content = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }

    public void Dispose() => client.Dispose();

    private async Task Take(Uri address, string part, CatalogueFile file, Action<long>? progress, CancellationToken stop)
    {
        var have = File.Exists(part) ? new FileInfo(part).Length : 0;
        if (have == file.Bytes) return;
        if (have > file.Bytes) { File.Delete(part); have = 0; }

        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (have > 0) request.Headers.Range = new RangeHeaderValue(have, null);
        using var response = await Patiently(inTime => client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, inTime), stop);
        response.EnsureSuccessStatusCode();
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == have;
        if (!goesOn) have = 0;               // a home that knows no ranges begins again

        using var content = await response.Content.ReadAsStreamAsync(stop);
        using var output = new FileStream(part, goesOn ? FileMode.Append : FileMode.Create, FileAccess.Write);
        var buffer = new byte[1 << 16];
        while (await Patiently(inTime => content.ReadAsync(buffer, inTime).AsTask(), stop) is var n and > 0)
        {
            if (have + n > file.Bytes) throw new InvalidDataException($"it gives more than the {file.Bytes:N0} bytes of the file");
            output.Write(buffer, 0, n);
            have += n;
            progress?.Invoke(have);
        }
        if (have < file.Bytes) throw new InvalidDataException($"it stopped after {have:N0} of {file.Bytes:N0} bytes");
        output.Flush(flushToDisk: true);
    }

    private async Task<T> Patiently<T>(Func<CancellationToken, Task<T>> wait, CancellationToken stop)
    {
        using var inTime = CancellationTokenSource.CreateLinkedTokenSource(stop);
        inTime.CancelAfter(stall);
        try { return await wait(inTime.Token); }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested) { throw new TimeoutException($"it said nothing for {stall.TotalSeconds:N0} s"); }
    }
}
