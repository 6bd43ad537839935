namespace Manifold.Tests;

internal static class ModuleInitializer
{
    [System.Runtime.CompilerServices.ModuleInitializer]
    internal static void Load() => Manifold.Engine.Native.Load();
}
