using System.Text.Json;
using System.Text.Json.Nodes;
using Parquet;
using Parquet.Schema;

namespace Manifold.Data;

/// <summary>Parquet tables of pictures as dataset hubs keep them: a column image with the bytes of a PNG, JPEG or WebP file, and a column label with the class's number.</summary>
public static class ParquetPictures
{
    private const long LargestHeld = 1L << 30;         // bytes of encoded pictures of all tables, held in memory
    private static readonly string[] images = ["image", "img", "picture", "png", "jpg"];
    private static readonly string[] labels = ["label", "labels", "fine_label", "class", "digit", "y"];

    public static bool IsFile(string path) => path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase);

    /// <summary>Decodes the pictures of tables to their splits.</summary>
    /// <exception cref="DataException">A table is broken or has no column of pictures, or a picture cannot be read (unless it may be skipped).</exception>
    internal static SplitSources Open(IReadOnlyList<string> train, IReadOnlyList<string> validation, IReadOnlyList<string> test, DataSettings settings)
    {
        IReadOnlyList<string> classes = [];
        var held = new Held();
        List<(EncodedPicture, int?)> Rows(IReadOnlyList<string> tables) => [.. tables.SelectMany(table =>
        {
            var (rows, names) = Read(table, held);
            if (names.Count > 0) classes = names;
            return rows;
        })];
        var found = PictureFiles.Assemble(train[0], Rows(train), Rows(validation), Rows(test), settings);
        return found with { ClassNames = classes };
    }

    /// <summary>Counts the bytes of encoded pictures that are held.</summary>
    private sealed class Held
    {
        private long bytes;

        /// <exception cref="DataException">They are too many.</exception>
        public void Add(long more, string path)
        {
            if ((bytes += more) > LargestHeld)
                throw new DataException($"{path} and the tables before it hold more than {LargestHeld >> 30} GB of encoded pictures; give a folder with fewer tables.");
        }
    }

    private static (List<(EncodedPicture, int?)> Rows, IReadOnlyList<string> Classes) Read(string path, Held held)
    {
        if (new FileInfo(path).Length > LargestHeld) throw new DataException($"{path} is larger than {LargestHeld >> 30} GB; give a folder with smaller tables.");
        try
        {
            return Task.Run(() => ReadAsync(path, held)).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not DataException)
        {
            // The library says what is wrong with a table in many types of its own and of .NET's; a broken count ends in OutOfMemoryException before any memory is taken.
            throw new DataException($"{path} is not a whole Parquet table that can be read: {e.Message.Split('\n')[0]} Get it again.", e);
        }
    }

    private static async Task<(List<(EncodedPicture, int?)>, IReadOnlyList<string>)> ReadAsync(string path, Held held)
    {
        using var file = Unpacked.OpenRegular(path);
        ParquetFooter.Check(file, path);
        await using var table = await ParquetReader.CreateAsync(file);
        var fields = table.Schema.GetDataFields();
        var picture = fields.FirstOrDefault(field => IsBytes(field) && images.Contains(field.Path.FirstPart, StringComparer.OrdinalIgnoreCase) && field.Path.ToString().EndsWith("bytes", StringComparison.Ordinal))
            ?? fields.FirstOrDefault(field => IsBytes(field) && images.Contains(field.Name, StringComparer.OrdinalIgnoreCase))
            ?? throw new DataException($"{path} has the columns {string.Join(", ", fields.Select(field => field.Path))}; pictures need a column image with the bytes of a file.");
        var label = labels.Select(name => fields.FirstOrDefault(field => field.Path.Length == 1 && field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(field => field is not null);

        var rows = new List<(EncodedPicture, int?)>();
        for (var group = 0; group < table.RowGroupCount; group++)
        {
            using var reader = table.OpenRowGroupReader(group);
            // A row has a byte at least, whatever the table says of their number.
            if (reader.RowCount < 0 || reader.RowCount > file.Length) throw new DataException($"{path} says that it has {reader.RowCount:N0} rows in {file.Length:N0} bytes; it is broken: get it again.");
            var count = (int)reader.RowCount;
            var bytes = new byte[]?[count];
            await reader.ReadAsync(picture, bytes.AsMemory());
            var numbers = label is null ? null : await Numbers(reader, label, count, path);
            for (var row = 0; row < count; row++)
            {
                var content = bytes[row] ?? [];                                          // a null is a picture that cannot be read
                held.Add(content.Length, path);
                rows.Add((new EncodedPicture($"row {rows.Count}", () => content), numbers?[row]));
            }
        }
        if (rows.Count == 0) throw new DataException($"{path} has no rows.");
        return (rows, ClassNames(table.CustomMetadata, label?.Name));
    }

    private static bool IsBytes(DataField field) => field.ClrType == typeof(byte[]) || field.ClrType == typeof(ReadOnlyMemory<byte>);

    private static async Task<int[]> Numbers(ParquetRowGroupReader reader, DataField label, int count, string path)
    {
        async Task<long[]> Of<T>(Func<T, long> widen) where T : struct
        {
            if (!label.IsNullable)
            {
                var values = new T[count];
                await reader.ReadAsync<T>(label, values.AsMemory());
                return Array.ConvertAll(values, value => widen(value));
            }
            var optional = new T?[count];
            await reader.ReadAsync<T>(label, optional.AsMemory());
            return Array.ConvertAll(optional, value => value is { } known ? widen(known) : -1);
        }
        var numbers = label.ClrType == typeof(long) ? await Of<long>(value => value)
            : label.ClrType == typeof(int) ? await Of<int>(value => value)
            : label.ClrType == typeof(short) ? await Of<short>(value => value)
            : label.ClrType == typeof(sbyte) ? await Of<sbyte>(value => value)
            : label.ClrType == typeof(byte) ? await Of<byte>(value => value)
            : label.ClrType == typeof(ushort) ? await Of<ushort>(value => value)
            : label.ClrType == typeof(uint) ? await Of<uint>(value => value)
            : label.ClrType == typeof(ulong) ? await Of<ulong>(value => (long)Math.Min(value, long.MaxValue))
            : throw new DataException($"{path} has a column {label.Name} of {label.ClrType.Name}; labels need whole numbers.");
        return Array.ConvertAll(numbers, number => number is >= 0 and < 100_000 ? (int)number : throw new DataException($"{path} has the label {number}; a label is a whole number from 0 up, and every row needs one."));
    }

    // The hub's own note of the features, if it is there: {"info": {"features": {"label": {"names": [...]}}}}.
    private static IReadOnlyList<string> ClassNames(Dictionary<string, string>? metadata, string? label)
    {
        if (label is null || metadata is null || !metadata.TryGetValue("huggingface", out var note)) return [];
        try
        {
            return JsonNode.Parse(note)?["info"]?["features"]?[label]?["names"] is JsonArray names ? [.. names.Select(name => name!.GetValue<string>())] : [];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            return [];                                                                    // names are a comfort; numbers do without
        }
    }
}
