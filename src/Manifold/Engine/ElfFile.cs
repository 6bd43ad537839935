using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Text;

namespace Manifold.Engine;

/// <summary>
/// The dynamic tables of a 64-bit little-endian ELF library, read without loading it: which symbols it defines, which it
/// needs, and which symbol versions it asks of other libraries.
/// </summary>
/// <remarks>Layouts: the System V ABI (ELF-64 object file format) and the GNU symbol versioning extension.</remarks>
public sealed class ElfFile : IDisposable
{
    private const uint DynamicSymbols = 11;                // SHT_DYNSYM
    private const uint VersionsNeeded = 0x6ffffffe;        // SHT_GNU_verneed
    private const ushort Weak = 2;                         // VER_FLG_WEAK: a missing version is a warning, not a failure

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly string path;

    /// <exception cref="InvalidDataException">The file is not a 64-bit little-endian ELF file.</exception>
    public ElfFile(string path)
    {
        this.path = path;
        if (new FileInfo(path).Length < 64) throw Malformed("it is shorter than an ELF header");
        file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        if (view.ReadUInt32(0) != 0x464C457F || view.ReadByte(4) != 2 || view.ReadByte(5) != 1)
        {
            Dispose();
            throw Malformed("it does not begin as a 64-bit little-endian ELF file does");
        }
    }

    /// <summary>Names of the dynamic symbols that this library defines.</summary>
    public IEnumerable<string> Defined() => Symbols().Where(s => s.Section != 0).Select(s => s.Name);

    /// <summary>Names of the dynamic symbols that this library needs from others; weak ones may be missing and are left out.</summary>
    public IEnumerable<string> Needed() => Symbols().Where(s => s.Section == 0 && !s.Weak && s.Name.Length > 0).Select(s => s.Name);

    /// <summary>Symbol versions asked of other libraries, such as GLIBCXX_3.4.32, and where each entry's flags lie in the file.</summary>
    public IEnumerable<(string Version, long FlagsOffset)> Versions()
    {
        foreach (var section in Sections().Where(s => s.Type == VersionsNeeded))
        {
            var strings = Section(section.Link).Offset;
            var need = section.Offset;
            for (var n = 0; n < section.Info; n++)
            {
                int count = Read(need + 2, view.ReadUInt16), next = (int)Read(need + 12, view.ReadUInt32);
                var entry = need + Read(need + 8, view.ReadUInt32);
                for (; count > 0; count--)
                {
                    yield return (Text(strings + Read(entry + 8, view.ReadUInt32)), entry + 4);
                    entry += Read(entry + 12, view.ReadUInt32);
                }
                need += next;
            }
        }
    }

    /// <summary>Writes a copy in which the named symbol version is asked for weakly, so that an older library still loads it.</summary>
    /// <returns>False, and no file, if the library does not ask for that version.</returns>
    public static bool CopyWithWeakVersion(string source, string destination, string version)
    {
        var bytes = File.ReadAllBytes(source);
        var hit = false;
        using (var elf = new ElfFile(source))
            foreach (var (name, offset) in elf.Versions().Where(v => v.Version == version))
            {
                var flags = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((int)offset));
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan((int)offset), (ushort)(flags | Weak));
                hit = true;
            }
        if (!hit) return false;

        var part = $"{destination}.{Environment.ProcessId}.part";   // two first starts at once must not see half a file
        File.WriteAllBytes(part, bytes);
        File.Move(part, destination, overwrite: true);
        return true;
    }

    public void Dispose()
    {
        view?.Dispose();
        file?.Dispose();
    }

    private IEnumerable<(string Name, ushort Section, bool Weak)> Symbols()
    {
        foreach (var table in Sections().Where(s => s.Type == DynamicSymbols))
        {
            var strings = Section(table.Link).Offset;
            for (var at = table.Offset + 24; at < table.Offset + table.Size; at += 24)   // the first entry is empty by definition
                yield return (Text(strings + Read(at, view.ReadUInt32)), Read(at + 6, view.ReadUInt16), Read(at + 4, view.ReadByte) >> 4 == 2);
        }
    }

    private sealed record Header(uint Type, long Offset, long Size, int Link, int Info);

    private IEnumerable<Header> Sections() => Enumerable.Range(0, view.ReadUInt16(0x3C)).Select(Section);

    private Header Section(int index)
    {
        var at = view.ReadInt64(0x28) + index * view.ReadUInt16(0x3A);
        return new Header(Read(at + 4, view.ReadUInt32), Read(at + 0x18, view.ReadInt64), Read(at + 0x20, view.ReadInt64),
            (int)Read(at + 0x28, view.ReadUInt32), (int)Read(at + 0x2C, view.ReadUInt32));
    }

    private T Read<T>(long at, Func<long, T> read)
    {
        if (at < 0 || at + 8 > view.Capacity) throw Malformed($"a table points to byte {at}, outside the file");
        return read(at);
    }

    private string Text(long at)
    {
        var name = new StringBuilder();
        for (byte c; (c = Read(at, view.ReadByte)) != 0; at++) name.Append((char)c);
        return name.ToString();
    }

    private InvalidDataException Malformed(string why) => new($"{path} cannot be read as a shared library: {why}.");
}
