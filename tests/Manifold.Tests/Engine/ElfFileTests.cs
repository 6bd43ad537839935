using System.Diagnostics;
using Manifold.Engine;

namespace Manifold.Tests.Engine;

public sealed class ElfFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static readonly byte[] library = SmallElf.Make(
        [new("gives", Defined: true), new("needs"), new("may_need", Weak: true), new("printf", Version: 2), new("std_init", Version: 3)],
        "GLIBC_2.2.5", "GLIBCXX_3.4.32");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_library_tells_what_it_gives_and_what_it_needs_of_libraries_without_versions()
    {
        using var elf = new ElfFile(Write(library));
        Assert.Equal(["gives"], elf.Defined());
        Assert.Equal(["needs"], elf.Needed());
        Assert.Equal(["GLIBC_2.2.5", "GLIBCXX_3.4.32"], elf.Versions().Select(v => v.Version));
    }

    [Fact]
    public void A_version_is_made_weak_by_one_byte()
    {
        var path = Write(library);
        var mended = ElfFile.WithWeakVersion(path, "GLIBCXX_3.4.32")!;

        var changed = Enumerable.Range(0, library.Length).Where(i => mended[i] != library[i]).ToArray();
        using var elf = new ElfFile(path);
        Assert.Equal([elf.Versions().Last().FlagsOffset], changed.Select(i => (long)i));
        Assert.Equal(2, mended[changed[0]]);
        Assert.Null(ElfFile.WithWeakVersion(path, "GLIBCXX_9"));
    }

    // Both numbers are from binutils: `readelf -V` and `nm -D --undefined-only`, less the weak and those with versions.
    [Fact]
    public void The_bridge_asks_for_one_version_that_is_newer_than_what_we_support()
    {
        using var elf = new ElfFile(Native.Find().Bridge);
        Assert.Equal(0x3fa34, Assert.Single(elf.Versions(), v => v.Version == "GLIBCXX_3.4.32").FlagsOffset);
        Assert.Equal(1204, elf.Needed().Count());
    }

    [Theory]
    [InlineData(0, "is shorter than an ELF header")]
    [InlineData(63, "is shorter than an ELF header")]
    [InlineData(100, "lies outside the file")]
    public void A_library_cut_short_is_refused_by_name(int length, string why)
    {
        var path = Write(library[..length]);
        var error = Assert.Throws<InvalidDataException>(() => new ElfFile(path));
        Assert.StartsWith($"{path} cannot be read as a shared library: ", error.Message);
        Assert.Contains(why, error.Message);
    }

    [Fact]
    public void Text_is_no_library()
    {
        var path = Write([.. Enumerable.Repeat((byte)'x', 1000)]);
        Assert.Contains("does not begin as a 64-bit little-endian ELF file does", Assert.Throws<InvalidDataException>(() => new ElfFile(path)).Message);
    }

    [Fact]
    public void Two_thousand_broken_libraries_are_read_or_refused_in_little_time_and_memory()
    {
        var chance = new Random(1);
        int read = 0, refused = 0;
        var clock = Stopwatch.StartNew();
        var before = GC.GetTotalAllocatedBytes();
        for (var n = 0; n < 2000; n++)
        {
            var path = Write(Mutated(n % 4 == 0 ? Large : library, chance));
            try
            {
                using var elf = new ElfFile(path);
                _ = elf.Defined().ToHashSet().Count + elf.Needed().Count() + elf.Versions().Count();
                ElfFile.WithWeakVersion(path, "GLIBCXX_3.4.32");
                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }
        Assert.True(read > 100 && refused > 100, $"{read} were read and {refused} refused; a good test has many of both.");
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 4L << 30);    // in all, so each needs a few MB
    }

    [Fact]
    public void Tables_that_run_into_themselves_come_to_an_end()
    {
        var names = Enumerable.Range(0, 2000).Select(_ => new SmallElf.Symbol("x")).ToArray();
        var bytes = SmallElf.Make(names, Enumerable.Repeat("v", 200).ToArray());
        var needs = bytes.Length - 16 * 201;

        byte[] circle = [.. bytes];
        circle[needs + 2] = circle[needs + 3] = 255;                           // 65,535 versions, and the last has no next
        Assert.Throws<InvalidDataException>(() => Read(circle));

        byte[] slow = [.. bytes];
        slow[64 + 64 * 4 + 0x2C + 3] = 255;                                    // four billion libraries, one byte apart
        slow[needs + 12] = 1;
        Assert.Throws<InvalidDataException>(() => Read(slow));
    }

    // Every name the whole of one long table: two thousand symbols of sixty thousand letters.
    [Fact]
    public void Names_that_overlap_are_refused()
    {
        var symbols = Enumerable.Range(0, 2000).Select(_ => new SmallElf.Symbol("y", Defined: true)).Prepend(new(new string('x', 60_000), Defined: true)).ToArray();
        var bytes = SmallElf.Make(symbols);
        var table = BitConverter.ToInt32(bytes, 64 + 64 * 2 + 0x18);
        for (var i = 1; i <= symbols.Length; i++) BitConverter.TryWriteBytes(bytes.AsSpan(table + 24 * i), 1 + i % 100);
        Assert.Contains("names overlap", Assert.Throws<InvalidDataException>(() => Read(bytes)).Message);
    }

    private static byte[] Large { get; } = SmallElf.Make([.. Enumerable.Range(0, 3000).Select(i => new SmallElf.Symbol($"symbol_{i}", i % 2 == 0))], "GLIBCXX_3.4.32");

    private static byte[] Mutated(byte[] sound, Random chance)
    {
        byte[] bytes = [.. sound];
        for (var changes = chance.Next(1, 5); changes > 0; changes--)
        {
            // Mostly where the structure is: in the header, the sections, or the tables' last entries.
            var at = chance.Next(4) == 0 ? chance.Next(bytes.Length) : chance.Next(Math.Min(bytes.Length, 64 * 6));
            if (chance.Next(3) == 0) bytes.AsSpan(at, Math.Min(bytes.Length - at, chance.Next(1, 9))).Fill(chance.Next(2) == 0 ? (byte)0xFF : (byte)0x7F);
            else bytes[at] = (byte)chance.Next(256);
        }
        return chance.Next(5) == 0 ? bytes[..chance.Next(bytes.Length)] : bytes;
    }

    private void Read(byte[] bytes)
    {
        using var elf = new ElfFile(Write(bytes));
        _ = elf.Defined().Count() + elf.Versions().Count();
    }

    private string Write(byte[] bytes)
    {
        File.WriteAllBytes(folder["library.so"], bytes);
        return folder["library.so"];
    }
}
