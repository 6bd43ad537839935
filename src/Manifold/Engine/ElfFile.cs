using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Manifold.Engine;

/// <summary>
/// The dynamic tables of a 64-bit little-endian ELF library, read without loading it: which symbols it defines, which it
/// needs, and which symbol versions it asks of other libraries.
/// </summary>
/// <remarks>
/// Layouts: the System V ABI (ELF-64 object file format) and the GNU symbol versioning extension.
/// Whatever the bytes are, reading ends in an answer or in InvalidDataException, in time and memory proportional to the tables.
/// </remarks>
public sealed class ElfFile : IDisposable
{
    private const uint Strings = 3, DynamicSymbols = 11;                                  // SHT_STRTAB, SHT_DYNSYM
    private const uint VersionsNeeded = 0x6ffffffe, SymbolVersions = 0x6fffffff;          // SHT_GNU_verneed, SHT_GNU_versym
    private const int WeakVersion = 2;                                                    // VER_FLG_WEAK: a missing version is a warning, not a failure
    private const int HeaderSize = 64, SectionSize = 64, SymbolSize = 24, VersionSize = 16;
    private const int LargestTable = 1 << 28, LongestName = 1 << 16;                      // libtorch_cpu.so: 7 MB and 591 characters

    private readonly SafeFileHandle file;
    private readonly long length;
    private readonly string path;
    private readonly Section[] sections;

    /// <exception cref="InvalidDataException">The file is not a 64-bit little-endian ELF file with a table of sections.</exception>
    public ElfFile(string path)
    {
        this.path = path;
        file = File.OpenHandle(path);
        try
        {
            length = RandomAccess.GetLength(file);
            sections = ReadSections();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Names of the dynamic symbols that this library defines.</summary>
    public IEnumerable<string> Defined() => Symbols().Where(s => s.IsDefined).Select(s => s.Name);

    /// <summary>
    /// Names of the dynamic symbols that this library needs from libraries without symbol versions. libc, libstdc++ and their
    /// like have versions and are left out, and so are weak symbols, which may be missing.
    /// </summary>
    public IEnumerable<string> Needed() => Symbols().Where(s => s is { IsDefined: false, IsWeak: false, IsVersioned: false, Name.Length: > 0 }).Select(s => s.Name);

    /// <summary>Symbol versions asked of other libraries, such as GLIBCXX_3.4.32, and where each entry's flags lie in the file.</summary>
    public IEnumerable<(string Version, long FlagsOffset)> Versions()
    {
        if (Only(VersionsNeeded) is not { } section) yield break;
        byte[] table = Table(section), strings = Table(Linked(section));

        // One entry for each library, each with a chain of versions. A sound table has no more entries than fit side by side,
        // so counting them ends chains that run into one another.
        var budget = table.Length / VersionSize;
        var library = 0L;
        for (var n = 0u; n < section.Info; n++)
        {
            var entry = library + At(table, library + 8, BinaryPrimitives.ReadUInt32LittleEndian);
            for (int left = At(table, library + 2, BinaryPrimitives.ReadUInt16LittleEndian); left > 0; left--)
            {
                if (--budget < 0) throw Malformed("its table of symbol versions has more entries than room");
                yield return (Name(strings, At(table, entry + 8, BinaryPrimitives.ReadUInt32LittleEndian)), section.Offset + entry + 4);
                entry += At(table, entry + 12, BinaryPrimitives.ReadUInt32LittleEndian);
            }
            var next = At(table, library + 12, BinaryPrimitives.ReadUInt32LittleEndian);
            if (next == 0) yield break;
            if (--budget < 0) throw Malformed("its table of symbol versions has more entries than room");
            library += next;
        }
    }

    /// <summary>The library's bytes with the named symbol version asked for weakly, so that systems without it still load them.</summary>
    /// <returns>Null if the library does not ask for that version.</returns>
    public static byte[]? WithWeakVersion(string path, string version)
    {
        using var elf = new ElfFile(path);
        byte[]? bytes = null;
        foreach (var (_, offset) in elf.Versions().Where(v => v.Version == version))
        {
            bytes ??= elf.Read(0, elf.length);
            bytes[offset] |= WeakVersion;             // the low byte of vna_flags
        }
        return bytes;
    }

    public void Dispose() => file.Dispose();

    private sealed record Section(uint Type, long Offset, long Size, uint Link, uint Info);

    private readonly record struct Symbol(string Name, bool IsDefined, bool IsWeak, bool IsVersioned);

    private Section[] ReadSections()
    {
        if (length < HeaderSize) throw Malformed("it is shorter than an ELF header");
        var header = Read(0, HeaderSize);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != 0x464C457F || header[4] != 2 || header[5] != 1)
            throw Malformed("it does not begin as a 64-bit little-endian ELF file does");

        var offset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(0x28));
        int size = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x3A)), count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x3C));
        if (count == 0 || size != SectionSize) throw Malformed("it has no table of sections");

        var table = Read(offset, count * SectionSize);
        var read = new Section[count];
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsSpan(i * SectionSize, SectionSize);
            read[i] = new Section(
                BinaryPrimitives.ReadUInt32LittleEndian(entry[0x04..]), BinaryPrimitives.ReadInt64LittleEndian(entry[0x18..]),
                BinaryPrimitives.ReadInt64LittleEndian(entry[0x20..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[0x28..]),
                BinaryPrimitives.ReadUInt32LittleEndian(entry[0x2C..]));
        }
        return read;
    }

    private IEnumerable<Symbol> Symbols()
    {
        var section = Only(DynamicSymbols) ?? throw Malformed("it has no dynamic symbols");
        byte[] table = Table(section), strings = Table(Linked(section)), versions = Only(SymbolVersions) is { } v ? Table(v) : [];

        var budget = 16L * strings.Length;                           // names may share their ends, but not all be one long name
        for (var i = 1; i < table.Length / SymbolSize; i++)          // the first entry is empty by definition
        {
            var entry = table.AsSpan(i * SymbolSize, SymbolSize);
            var version = 2 * i + 1 < versions.Length ? BinaryPrimitives.ReadUInt16LittleEndian(versions.AsSpan(2 * i)) : 0;
            var name = Name(strings, BinaryPrimitives.ReadUInt32LittleEndian(entry));
            if ((budget -= name.Length) < 0) throw Malformed("its names overlap");
            yield return new Symbol(
                name,
                IsDefined: BinaryPrimitives.ReadUInt16LittleEndian(entry[6..]) != 0,
                IsWeak: entry[4] >> 4 == 2,                          // STB_WEAK
                IsVersioned: (version & 0x7FFF) > 1);                // 0 is local, 1 is global without a version
        }
    }

    // The ABI allows one table of each of these kinds; more would be read again and again.
    private Section? Only(uint type)
    {
        var found = sections.Where(s => s.Type == type).Take(2).ToArray();
        return found.Length < 2 ? found.FirstOrDefault() : throw Malformed($"it has more than one section of type 0x{type:x}");
    }

    private Section Linked(Section section) =>
        section.Link < sections.Length && sections[section.Link] is { Type: Strings } strings ? strings : throw Malformed("a table names no strings");

    private byte[] Table(Section section) => Read(section.Offset, section.Size);

    private byte[] Read(long offset, long size)
    {
        if (offset < 0 || size < 0 || size > LargestTable || offset > length - size) throw Malformed($"a table of {size} bytes at {offset} lies outside the file");
        var bytes = new byte[size];
        for (var done = 0; done < size;)
            done += RandomAccess.Read(file, bytes.AsSpan(done), offset + done) is > 0 and var n ? n : throw Malformed("it became shorter while it was read");
        return bytes;
    }

    private delegate T Reader<T>(ReadOnlySpan<byte> bytes);

    private T At<T>(byte[] table, long at, Reader<T> read) =>
        at <= table.Length - sizeof(uint) ? read(table.AsSpan((int)at)) : throw Malformed($"an entry at {at} lies outside its table");

    private string Name(byte[] strings, uint at)
    {
        var rest = at < strings.Length ? strings.AsSpan((int)at) : throw Malformed($"a name at {at} lies outside its table");
        var end = rest[..Math.Min(rest.Length, LongestName)].IndexOf((byte)0);
        return end >= 0 ? Encoding.Latin1.GetString(rest[..end]) : throw Malformed($"the name at {at} has no end");
    }

    private InvalidDataException Malformed(string why) => new($"{path} cannot be read as a shared library: {why}.");
}
