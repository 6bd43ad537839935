using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
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
        try
        {
            var reader = new Utf8JsonReader(file.Slice(8, (int)length));
            using var document = JsonDocument.ParseValue(ref reader);
            while (reader.Read()) throw Bad("something follows the header's JSON");
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw Bad("its header is not an object");
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__") continue;
                var type = Types.FirstOrDefault(type => type.Name == property.Value.GetProperty("dtype").GetString());
                if (type.Name is null) throw Bad($"{property.Name} has an unknown dtype");
                var shape = property.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray();
                var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64()).ToArray();
                if (offsets.Length != 2 || property.Value.EnumerateObject().Count() != 3) throw Bad($"{property.Name} needs dtype, shape and two data_offsets");
                if (shape.Any(size => size < 0)) throw Bad($"{property.Name} has a negative size");
                if (checked(shape.Aggregate((long)type.Size, (product, size) => product * size)) != checked(offsets[1] - offsets[0]))
                    throw Bad($"{property.Name} of shape [{string.Join(", ", shape)}] and {type.Name} does not take {offsets[1] - offsets[0]:N0} bytes");
                if (!entries.TryAdd(property.Name, new Entry(type.Type, shape, offsets[0], offsets[1]))) throw Bad($"{property.Name} is there twice");
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new CheckpointException($"{path} is not a whole safetensors file: its header is broken ({e.Message}).", e);
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

    private static (ScalarType Type, string Name, int Size) TypeOf(string name, Tensor tensor) =>
        Types.FirstOrDefault(type => type.Type == tensor.dtype) is { Name: not null } type ? type
            : throw new CheckpointException($"{name} is {tensor.dtype}, which the safetensors format has no name for.");
}
