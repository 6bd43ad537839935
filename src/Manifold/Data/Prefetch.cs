using System.Collections.Concurrent;
using System.Diagnostics;
using static TorchSharp.torch;

namespace Manifold.Data;

/// <summary>Prepares the next batches on a thread of its own, so that training never waits for decoding.</summary>
/// <remarks>Asked for a position that does not follow the last, it begins anew there; what it returns is the source's batch either way.</remarks>
public sealed class Prefetch(BatchAt source, int depth = 4) : IDisposable
{
    private Worker? worker;
    private readonly Stopwatch waited = new();

    /// <summary>How often a batch was not ready when it was asked for; the first of a sequence never is.</summary>
    public long Stalls { get; private set; }

    /// <summary>Time that the caller spent waiting for batches.</summary>
    public TimeSpan Waited => waited.Elapsed;

    /// <summary>The source's batch at a position. Its tensors belong to the caller's dispose scope.</summary>
    public Batch At(long position, int count)
    {
        if (worker is null || worker.Next != position || worker.Count != count)
        {
            worker?.Dispose();
            worker = new Worker(source, position, count, depth);
        }
        else if (!worker.IsReady) Stalls++;

        waited.Start();
        try
        {
            return worker.Take();
        }
        catch
        {
            Dispose();                       // the thread has ended; the next call begins anew
            throw;
        }
        finally { waited.Stop(); }
    }

    public void Dispose()
    {
        worker?.Dispose();
        worker = null;
    }

    private sealed class Worker : IDisposable
    {
        private readonly BlockingCollection<(Batch? Batch, Exception? Error)> ready;
        private readonly CancellationTokenSource stop = new();
        private readonly Thread thread;

        public Worker(BatchAt source, long position, int count, int depth)
        {
            (Next, Count) = (position, count);
            ready = new BlockingCollection<(Batch?, Exception?)>(depth);
            thread = new Thread(() => Prepare(source, position)) { IsBackground = true, Name = "prefetch" };
            thread.Start();
        }

        public long Next { get; private set; }
        public int Count { get; }
        public bool IsReady => ready.Count > 0;

        public Batch Take()
        {
            var (batch, error) = ready.Take();
            if (error is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
            Next += Count;
            return Adopted(batch!);
        }

        public void Dispose()
        {
            stop.Cancel();
            thread.Join();
            while (ready.TryTake(out var left)) Free(left.Batch);
            ready.Dispose();
            stop.Dispose();
        }

        // Dispose scopes are a thread's own, so what is made here belongs to none.
        private void Prepare(BatchAt source, long position)
        {
            Batch? batch = null;
            try
            {
                for (; !stop.IsCancellationRequested; position += Count)
                {
                    batch = source(position, Count);
                    ready.Add((batch, null), stop.Token);
                }
            }
            catch (OperationCanceledException) { Free(batch); }
            catch (Exception e) { try { ready.Add((null, e), stop.Token); } catch (OperationCanceledException) { } }
        }

        private static void Free(Batch? batch)
        {
            foreach (var tensor in batch?.Tensors ?? []) tensor.Dispose();
        }

        // Through a scope of our own to the caller's, whatever that is; with none, the batch is the caller's to dispose.
        private static Batch Adopted(Batch batch)
        {
            using var passage = NewDisposeScope();
            foreach (var tensor in batch.Tensors)
            {
                passage.Attach(tensor);
                tensor.MoveToOuterDisposeScope();
            }
            return batch;
        }
    }
}
