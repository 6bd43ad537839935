namespace Manifold.Data;

/// <summary>A format of files that is known here and not read.</summary>
/// <param name="Name">"a 7-Zip archive".</param>
/// <param name="WayOut">What to do instead, as a sentence.</param>
internal sealed record OtherFormat(string Name, string WayOut)
{
    public DataException Refused(string path) => new($"{path} is {Name}, which is not read here. {WayOut}");
}

/// <summary>Formats that sets come in and that are not read here, by the end of the name and by the first bytes.</summary>
internal static class OtherFormats
{
    private const string Unpack = "Unpack it and give the folder, or pack it again as .zip or .tar.gz.";
    private const string SaveArrays = "Save its pictures as a NumPy array (.npy or .npz) and give that.";
    private const string Rename = "Rename it so that its name ends in";

    private static readonly (string Name, string WayOut, string[] Ends, byte[] Begins)[] table =
    [
        ("a 7-Zip archive", Unpack, [".7z"], [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
        ("a RAR archive", Unpack, [".rar"], [.. "Rar!"u8]),
        ("packed by xz", Unpack, [".xz", ".txz"], [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
        ("packed by bzip2", Unpack, [".bz2", ".tbz", ".tbz2"], [.. "BZh"u8]),
        ("packed by Zstandard", Unpack, [".zst", ".tzst"], [0x28, 0xB5, 0x2F, 0xFD]),
        ("packed by LZ4", Unpack, [".lz4"], [0x04, 0x22, 0x4D, 0x18]),
        ("packed by LZMA", Unpack, [".lzma", ".lz", ".tlz"], [.. "LZIP"u8]),
        ("packed by compress", Unpack, [".Z", ".taz"], [0x1F, 0x9D]),
        ("a disk image", "Open it, copy its files to a folder, and give that.", [".iso", ".dmg"], []),
        ("an HDF5 file", SaveArrays, [".h5", ".hdf5", ".hdf"], [0x89, .. "HDF\r\n"u8]),
        ("a MATLAB file", SaveArrays, [".mat"], [.. "MATLAB "u8]),
        ("a Python pickle, which is code", SaveArrays, [".pkl", ".pickle", ".pt", ".pth"], []),
        ("a TFRecord file", SaveArrays, [".tfrecord", ".tfrecords"], []),
        ("an Arrow file", "Save it as Parquet and give that.", [".arrow", ".feather"], [.. "ARROW1"u8]),
        ("an LMDB database", SaveArrays, [".mdb", ".lmdb"], []),
        ("a table of text", SaveArrays, [".csv", ".tsv", ".jsonl"], []),
        ("a video", "Save its frames as pictures in a folder and give that.", [".mp4", ".avi", ".mov", ".mkv", ".webm"], []),
        ("a zip archive whose name does not say so", $"{Rename} .zip.", [], [.. "PK\u0003\u0004"u8]),
    ];

    // Pictures that Skia does not decode.
    private static readonly string[] pictures =
        [".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".tga", ".pgm", ".ppm", ".pbm", ".pnm", ".exr", ".hdr", ".dcm", ".raw", ".cr2", ".nef", ".dng"];

    /// <summary>Whether a name is of a picture in a format that is not read.</summary>
    public static bool IsPicture(string path) => pictures.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>The format of a file that is known and not read; null if it is none of these.</summary>
    public static OtherFormat? Of(string path)
    {
        if (IsPicture(path)) return new OtherFormat($"one picture, as {Path.GetExtension(path)}", "Save such pictures as PNG in a folder and give that.");
        var begins = Beginning(path);
        foreach (var (name, wayOut, ends, mark) in table)
            if (ends.Any(end => path.EndsWith(end, end is ".Z" ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase))
                || mark.Length > 0 && !IsReadAs(path) && begins.AsSpan().StartsWith(mark)) return new OtherFormat(name, wayOut);
        return null;
    }

    // A broken file of a format that is read is told of by its reader.
    private static bool IsReadAs(string path) =>
        PictureFiles.IsArchive(path) && !path.EndsWith("gz", StringComparison.OrdinalIgnoreCase) || Npy.IsFile(path) || ParquetPictures.IsFile(path) || Cifar.IsFile(path);

    private static byte[] Beginning(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            var bytes = new byte[8];
            return bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
