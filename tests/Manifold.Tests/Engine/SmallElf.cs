using System.Buffers.Binary;
using System.Text;

namespace Manifold.Tests.Engine;

/// <summary>Assembles a shared library of tables only: enough to be read, nothing to be run.</summary>
internal static class SmallElf
{
    public sealed record Symbol(string Name, bool Defined = false, bool Weak = false, ushort Version = 1);

    /// <param name="symbols">The dynamic symbols after the empty first one.</param>
    /// <param name="versions">Versions asked of one library, libstdc++.so.6; the first has index 2, as in <see cref="Symbol.Version"/>.</param>
    public static byte[] Make(IReadOnlyList<Symbol> symbols, params string[] versions)
    {
        var strings = new List<byte> { 0 };
        int Text(string s)
        {
            var at = strings.Count;
            strings.AddRange(Encoding.ASCII.GetBytes(s + "\0"));
            return at;
        }

        byte[] table = new byte[24 * (symbols.Count + 1)], indices = new byte[2 * (symbols.Count + 1)], needs = new byte[16 * (versions.Length + 1)];
        for (var i = 1; i <= symbols.Count; i++)
        {
            var (name, defined, weak, version) = symbols[i - 1];
            Put(table, 24 * i, (uint)Text(name));
            table[24 * i + 4] = (byte)((weak ? 2 : 1) << 4);
            table[24 * i + 6] = (byte)(defined ? 1 : 0);
            indices[2 * i] = (byte)version;
        }
        needs[0] = 1;
        needs[2] = (byte)versions.Length;
        Put(needs, 4, (uint)Text("libstdc++.so.6"));
        Put(needs, 8, 16);
        for (var i = 0; i < versions.Length; i++)
        {
            needs[16 * (i + 1) + 6] = (byte)(i + 2);
            Put(needs, 16 * (i + 1) + 8, (uint)Text(versions[i]));
            Put(needs, 16 * (i + 1) + 12, i + 1 < versions.Length ? 16u : 0);
        }

        var sections = new (uint Type, byte[] Bytes, uint Link, uint Info)[]
        {
            (0, [], 0, 0), (3, [.. strings], 0, 0), (11, table, 1, 1), (0x6fffffff, indices, 2, 0), (0x6ffffffe, needs, 1, 1),
        };
        var file = new byte[64 + 64 * sections.Length + sections.Sum(s => s.Bytes.Length)];
        Put(file, 0, 0x464C457F);
        file[4] = 2;
        file[5] = 1;
        Put(file, 0x28, 64);
        file[0x3A] = 64;
        file[0x3C] = (byte)sections.Length;
        var end = 64 + 64 * sections.Length;
        for (var i = 0; i < sections.Length; i++)
        {
            var (type, bytes, link, info) = sections[i];
            Put(file, 64 + 64 * i + 0x04, type);
            Put(file, 64 + 64 * i + 0x18, (uint)end);
            Put(file, 64 + 64 * i + 0x20, (uint)bytes.Length);
            Put(file, 64 + 64 * i + 0x28, link);
            Put(file, 64 + 64 * i + 0x2C, info);
            bytes.CopyTo(file, end);
            end += bytes.Length;
        }
        return file;
    }

    private static void Put(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
}
