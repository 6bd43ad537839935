using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Manifold.Data;

/// <summary>Fetches a file whose size and SHA-256 are known: goes on with what an earlier try left, tries each home, and puts nothing wrong in place.</summary>
/// <param name="stall">How long a home may say nothing, or too little, before the next is tried.</param>
/// <param name="leastRate">Bytes a second that a home must give over that time.</param>
/// <param name="clock">The system's if null.</param>
public sealed class Download(TimeSpan stall, double leastRate = 1_000, TimeProvider? clock = null) : IDisposable
{
    /// <summary>What a file that is not whole yet has after its name.</summary>
    public const string Unfinished = ".part";

    private const int MostRedirects = 10;

    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Timeout.InfiniteTimeSpan };

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

        using var response = await Ask(address, have, stop);
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == have;
        if (!goesOn) have = 0;               // a home that knows no ranges begins again

        using var content = await response.Content.ReadAsStreamAsync(stop);
        using var output = new FileStream(part, goesOn ? FileMode.Append : FileMode.Create, FileAccess.Write);
        var buffer = new byte[1 << 16];
        var (since, before) = (clock.GetTimestamp(), have);
        while (await Patiently(inTime => content.ReadAsync(buffer, inTime).AsTask(), stop) is var n and > 0)
        {
            if (have + n > file.Bytes) throw new InvalidDataException($"it gives more than the {file.Bytes:N0} bytes of the file");
            output.Write(buffer, 0, n);
            have += n;
            progress?.Invoke(have);
            if (clock.GetElapsedTime(since) is var elapsed && elapsed < stall) continue;
            if (have - before < leastRate * elapsed.TotalSeconds && have < file.Bytes)
                throw new TimeoutException($"it gave {have - before:N0} bytes in {elapsed.TotalSeconds:N0} s, fewer than {leastRate:N0} a second");
            (since, before) = (clock.GetTimestamp(), have);
        }
        if (have < file.Bytes) throw new InvalidDataException($"it stopped after {have:N0} of {file.Bytes:N0} bytes");
        output.Flush(flushToDisk: true);
    }

    // Redirects are followed by hand, so that what is refused is said. An answer in the clear may be read and delayed by others
    // on the way, so https leads to https alone.
    private async Task<HttpResponseMessage> Ask(Uri address, long have, CancellationToken stop)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (have > 0) request.Headers.Range = new RangeHeaderValue(have, null);
            var response = await Patiently(inTime => client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, inTime), stop);
            if (response is not { StatusCode: >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest, Headers.Location: { } location })
                return response.IsSuccessStatusCode ? response : throw Refused(response);
            response.Dispose();
            if (redirects == MostRedirects) throw new InvalidDataException($"it redirects more than {MostRedirects} times");
            address = Followed(address, location);
        }
    }

    internal static Uri Followed(Uri from, Uri location)
    {
        var to = location.IsAbsoluteUri ? location : new Uri(from, location);
        if (to.Scheme == Uri.UriSchemeHttps || to.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp) return to;
        throw new InvalidDataException($"it redirects from {from.Scheme} to {to.Scheme} ({to}), which is not followed");
    }

    private static HttpRequestException Refused(HttpResponseMessage response)
    {
        using (response) return new HttpRequestException($"it answered {(int)response.StatusCode} ({response.ReasonPhrase})", null, response.StatusCode);
    }

    private async Task<T> Patiently<T>(Func<CancellationToken, Task<T>> wait, CancellationToken stop)
    {
        using var patience = new CancellationTokenSource(stall, clock);
        using var inTime = CancellationTokenSource.CreateLinkedTokenSource(stop, patience.Token);
        try { return await wait(inTime.Token); }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested) { throw new TimeoutException($"it said nothing for {stall.TotalSeconds:N0} s"); }
    }
}
