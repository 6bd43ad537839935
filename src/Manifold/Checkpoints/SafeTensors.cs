using System.Buffers.Binary;
using System.Text.Json;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Checkpoints;

/// <summary>
/// The safetensors format: the header's length in 8 little-endian bytes, a JSON header that gives each tensor's dtype, shape
/// and byte range, then the bytes. Nothing in it can run. Strict: what the header says must cover the file exactly.
/// </summary>
/// <remarks>Format: https://github.com/huggingface/safetensors, README.</remarks>
public static class SafeTensors
{
    private const int LargestHeader = 100_000_000;   // bytes, the format's own limit

    private static readonly (ScalarType Type, string Name, int Size)[] Types =
    [
        (ScalarType.Float64, "F64", 8), (ScalarType.Int64, "I64", 8), (ScalarType.Float32, "F32", 4), (ScalarType.Int32, "I32", 4),
        (ScalarType.Float16, "F16", 2), (ScalarType.BFloat16, "BF16", 2), (ScalarType.Int16, "I16", 2),
        (ScalarType.Byte, "U8", 1), (ScalarType.Int8, "I8", 1), (ScalarType.Bool, "BOOL", 1),
    ];

    /// <summary>One tensor as the header describes it; its bytes are Begin to End after the header.</summary>
    public sealed record Entry(ScalarType Type, long[] Shape, long Begin, long End);

    /// <summary>The file's bytes: tensors in order of falling element size, then of name, so that each is aligned and equal content gives equal bytes.</summary>
    public static byte[] Write(IReadOnlyDictionary<string, Tensor> tensors)
    {
        using var scope = NewDisposeScope();
        var ordered = tensors.Select(pair => (pair.Key, pair.Value, Type: TypeOf(pair.Key, pair.Value)))
            .OrderByDescending(entry => entry.Type.Size).ThenBy(entry => entry.Key, StringComparer.Ordinal).ToList();

        using var header = new MemoryStream();
        var offset = 0L;
        using (var json = new Utf8JsonWriter(header, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            foreach (var (name, tensor, type) in ordered)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", type.Name);
                json.WriteStartArray("shape");
                foreach (var size in tensor.shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.numel() * type.Size);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (header.Length % 8 != 0) header.WriteByte((byte)' ');

        var file = new byte[8 + header.Length + offset];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.GetBuffer().AsSpan(0, (int)header.Length).CopyTo(file.AsSpan(8));
        var at = 8 + (int)header.Length;
        foreach (var (_, tensor, _) in ordered)
        {
            using var plain = tensor.detach().cpu().contiguous();   // row-major, whatever the strides were
            var bytes = plain.numel() == 0 ? [] : plain.bytes;
            bytes.CopyTo(file.AsSpan(at));
            at += bytes.Length;
        }
        return file;
    }

    /// <summary>The tensors that a file holds; every rule of the format is checked.</summary>
    /// <param name="path">For messages.</param>
    /// <exception cref="CheckpointException">A rule is broken; the message says which.</exception>
    public static (IReadOnlyDictionary<string, Entry> Entries, int DataStart) ReadHeader(ReadOnlySpan<byte> file, string path)
    {
        CheckpointException Bad(string why) => new($"{path} is not a whole safetensors file: {why}.");
        if (file.Length < 8) throw Bad($"it has {file.Length} bytes, fewer than the length of its header takes");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file);
        if (length > LargestHeader || length > (ulong)(file.Length - 8)) throw Bad($"its header claims {length:N0} bytes of {file.Length:N0}");

        var entries = new Dictionary<string, Entry>();
        var header = StrictJson.Parse(file.Slice(8, (int)length), "its header", why => Bad(why.TrimEnd('.')));
        foreach (var (name, facts) in header.Members())
        {
            if (name == "__metadata__") continue;
            facts.Only("dtype", "shape", "data_offsets");
            var type = Types.FirstOrDefault(type => type.Name == facts["dtype"].Text());
            if (type.Name is null) throw Bad($"{name} has an unknown dtype");
            long[] shape = [.. facts["shape"].Items().Select(size => size.Count())], offsets = [.. facts["data_offsets"].Items().Select(offset => offset.Count())];
            if (offsets.Length != 2) throw Bad($"{name} needs two data_offsets");
            if (Bytes(shape, type.Size) != offsets[1] - offsets[0])
                throw Bad($"{name} of shape [{string.Join(", ", shape)}] and {type.Name} does not take {offsets[1] - offsets[0]:N0} bytes");
            entries.Add(name, new Entry(type.Type, shape, offsets[0], offsets[1]));
        }

        var covered = 0L;
        foreach (var (name, entry) in entries.OrderBy(entry => entry.Value.Begin).ThenBy(entry => entry.Value.End))
        {
            if (entry.Begin != covered) throw Bad($"{name} begins at byte {entry.Begin:N0} of the data, and the one before it ends at {covered:N0}");
            covered = entry.End;
        }
        if (covered != file.Length - 8 - (long)length) throw Bad($"its tensors take {covered:N0} bytes, and {file.Length - 8 - (long)length:N0} are there");
        return (entries, 8 + (int)length);
    }

    /// <summary>Copies a file's tensors into tensors of the same names, in place and whatever their strides; names, shapes and dtypes must agree exactly.</summary>
    /// <param name="partial">Whether the file may hold more than is asked for.</param>
    /// <exception cref="CheckpointException">They do not; nothing was changed. The message lists what is missing, unexpected and of another shape.</exception>
    public static void ReadInto(ReadOnlySpan<byte> file, IReadOnlyDictionary<string, Tensor> tensors, string path, bool partial = false)
    {
        var (entries, start) = ReadHeader(file, path);
        List<string> wrong =
        [
            .. tensors.Keys.Where(name => !entries.ContainsKey(name)).Select(name => $"{name} is missing"),
            .. entries.Keys.Where(name => !partial && !tensors.ContainsKey(name)).Select(name => $"{name} is unexpected"),
            .. tensors.Where(tensor => entries.TryGetValue(tensor.Key, out var entry) && (entry.Type != tensor.Value.dtype || !entry.Shape.SequenceEqual(tensor.Value.shape)))
                .Select(tensor => $"{tensor.Key} is {entries[tensor.Key].Type} [{string.Join(", ", entries[tensor.Key].Shape)}] and needs {tensor.Value.dtype} [{string.Join(", ", tensor.Value.shape)}]"),
        ];
        if (wrong.Count > 0) throw new CheckpointException($"{path} does not fit: {string.Join("; ", wrong.Take(5))}{(wrong.Count > 5 ? $"; and {wrong.Count - 5} more" : "")}.");

        using var _ = no_grad();
        foreach (var (name, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            var entry = entries[name];
            if (entry.Begin == entry.End) continue;
            var plain = empty(entry.Shape, entry.Type);
            file.Slice(start + (int)entry.Begin, (int)(entry.End - entry.Begin)).CopyTo(plain.bytes);
            tensor.copy_(plain);
        }
    }

    // Null where 64 bits do not hold it.
    private static long? Bytes(long[] shape, int size)
    {
        var bytes = (Int128)size;
        foreach (var length in shape)
            if ((bytes *= length) > long.MaxValue) return null;
        return (long)bytes;
    }

    private static (ScalarType Type, string Name, int Size) TypeOf(string name, Tensor tensor) =>
        Types.FirstOrDefault(type => type.Type == tensor.dtype) is { Name: not null } type ? type
            : throw new CheckpointException($"{name} is {tensor.dtype}, which the safetensors format has no name for.");
}
