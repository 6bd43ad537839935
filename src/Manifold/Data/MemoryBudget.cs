namespace Manifold.Data;

/// <summary>Lets pieces of work begin while what they hold together fits. A piece larger than the budget goes alone.</summary>
/// <param name="bytes">That all pieces together may hold.</param>
internal sealed class MemoryBudget(long bytes)
{
    private readonly object gate = new();
    private long taken;

    /// <summary>Does a piece of work, once there is room for it.</summary>
    public T Within<T>(long need, Func<T> work)
    {
        need = Math.Min(need, bytes);
        lock (gate)
        {
            while (taken + need > bytes) Monitor.Wait(gate);
            taken += need;
        }
        try
        {
            return work();
        }
        finally
        {
            lock (gate)
            {
                taken -= need;
                Monitor.PulseAll(gate);
            }
        }
    }
}
