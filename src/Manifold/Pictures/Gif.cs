// Animated GIF: one palette for all frames, chosen by median cut, errors spread to the neighbours so that a gradient stays one.
//
//   frames --histogram, median cut--> palette of 256 --Floyd-Steinberg, frame by frame--> indices --LZW--> bytes
//
// Source: the GIF89a specification, 1990; Heckbert 1982, "Color image quantization for frame buffer display";
//         Floyd and Steinberg 1976, "An adaptive algorithm for spatial grey scale". Grey frames need neither: 256 greys are exact.

namespace Manifold.Pictures;

/// <summary>Frames as an animated GIF that goes round for ever.</summary>
public static class Gif
{
    private const int Colours = 256;

    /// <param name="frames">Pictures of one size and channel count.</param>
    /// <param name="centiseconds">How long each is shown, in hundredths of a second; browsers take less than 2 for 10.</param>
    /// <exception cref="ArgumentException">There are no frames, or they differ in size.</exception>
    public static byte[] Of(IReadOnlyList<Picture> frames, int centiseconds = 8)
    {
        if (frames.Count == 0) throw new ArgumentException("frames is empty; a GIF needs at least one picture.", nameof(frames));
        var first = frames[0];
        foreach (var frame in frames)
            if ((frame.Height, frame.Width, frame.Channels) != (first.Height, first.Width, first.Channels))
                throw new ArgumentException($"frames has pictures of {first.Channels}x{first.Height}x{first.Width} and of {frame.Channels}x{frame.Height}x{frame.Width}; a GIF needs one size.", nameof(frames));
        if (first.Width > ushort.MaxValue || first.Height > ushort.MaxValue) throw new ArgumentException($"frames are {first.Width} x {first.Height}; a GIF holds at most 65,535 each way.", nameof(frames));

        var palette = first.Channels == 1 ? [.. Enumerable.Range(0, Colours).Select(grey => ((byte)grey, (byte)grey, (byte)grey))] : MedianCut(frames);
        var nearest = new Nearest(palette);
        using var file = new MemoryStream();
        void Short(int value) => file.Write([(byte)value, (byte)(value >> 8)]);

        file.Write("GIF89a"u8);
        Short(first.Width);
        Short(first.Height);
        file.Write([0xF7, 0, 0]);                                            // a palette of 256, 8 bits a colour
        foreach (var (r, g, b) in palette) file.Write([r, g, b]);
        file.Write([0x21, 0xFF, 11]);
        file.Write("NETSCAPE2.0"u8);
        file.Write([3, 1, 0, 0, 0]);                                         // again and again
        foreach (var frame in frames)
        {
            file.Write([0x21, 0xF9, 4, 0]);
            Short(centiseconds);
            file.Write([0, 0, 0x2C, 0, 0, 0, 0]);
            Short(frame.Width);
            Short(frame.Height);
            file.WriteByte(0);
            Compress(frame.Channels == 1 ? frame.Pixels : Dithered(frame, nearest), file);
        }
        file.WriteByte(0x3B);
        return file.ToArray();
    }

    // Boxes of colours, the one with the most spread weight cut in two at its median, until there are 256.
    private static (byte, byte, byte)[] MedianCut(IReadOnlyList<Picture> frames)
    {
        var histogram = new long[1 << 15];                                   // five bits a channel
        foreach (var frame in frames)
            for (var i = 0; i < frame.Pixels.Length; i += 3) histogram[Key(frame.Pixels[i], frame.Pixels[i + 1], frame.Pixels[i + 2])]++;
        var boxes = new List<List<int>> { Enumerable.Range(0, histogram.Length).Where(key => histogram[key] > 0).ToList() };
        while (boxes.Count < Colours)
        {
            var candidates = boxes.Where(b => b.Count > 1).Select(b => (Box: b, Axis: Enumerable.Range(0, 3).MaxBy(channel => Reach(b, channel)))).ToList();
            if (candidates.Count == 0) break;                                // fewer colours than places
            var (box, axis) = candidates.MaxBy(b => Reach(b.Box, b.Axis) * Math.Sqrt(b.Box.Sum(key => histogram[key])));
            box.Sort((a, b) => Channel(a, axis).CompareTo(Channel(b, axis)));
            long half = box.Sum(key => histogram[key]) / 2, seen = 0;
            var cut = 1;
            for (; cut < box.Count - 1 && (seen += histogram[box[cut - 1]]) < half; cut++) { }
            boxes.Remove(box);
            boxes.AddRange([box[..cut], box[cut..]]);
        }
        static int Reach(List<int> box, int channel) => box.Max(key => Channel(key, channel)) - box.Min(key => Channel(key, channel));
        byte Mean(List<int> box, int channel) => (byte)Math.Round(box.Sum(key => (double)histogram[key] * (Channel(key, channel) * 255 / 31.0)) / box.Sum(key => histogram[key]));
        var palette = boxes.Select(box => (Mean(box, 0), Mean(box, 1), Mean(box, 2))).ToList();
        while (palette.Count < Colours) palette.Add(((byte)0, (byte)0, (byte)0));
        return [.. palette];
    }

    private static int Key(int r, int g, int b) => r >> 3 << 10 | g >> 3 << 5 | b >> 3;
    private static int Channel(int key, int channel) => key >> (10 - 5 * channel) & 31;

    // Rows in turn from the left and from the right, so that errors do not all run one way.
    private static byte[] Dithered(Picture frame, Nearest nearest)
    {
        var (h, w) = (frame.Height, frame.Width);
        var values = Array.ConvertAll(frame.Pixels, value => (float)value);
        var indices = new byte[h * w];
        Span<int> chosen = stackalloc int[3];
        for (var y = 0; y < h; y++)
            for (var step = 0; step < w; step++)
            {
                var forward = y % 2 == 0 ? 1 : -1;
                var x = forward == 1 ? step : w - 1 - step;
                var at = (y * w + x) * 3;
                for (var c = 0; c < 3; c++) chosen[c] = Math.Clamp((int)MathF.Round(values[at + c]), 0, 255);
                var index = nearest.Of(chosen[0], chosen[1], chosen[2]);
                indices[y * w + x] = (byte)index;
                for (var c = 0; c < 3; c++)
                {
                    var error = Math.Clamp(values[at + c], 0, 255) - nearest.Channel(index, c);
                    void Spread(int dx, int dy, float share)
                    {
                        if (x + dx >= 0 && x + dx < w && y + dy < h) values[((y + dy) * w + x + dx) * 3 + c] += error * share / 16;
                    }
                    Spread(forward, 0, 7);
                    Spread(-forward, 1, 3);
                    Spread(0, 1, 5);
                    Spread(forward, 1, 1);
                }
            }
        return indices;
    }

    /// <summary>The palette's nearest colour, found once for each of 262,144 cells of colour.</summary>
    private sealed class Nearest((byte R, byte G, byte B)[] palette)
    {
        private readonly short[] known = [.. Enumerable.Repeat((short)-1, 1 << 18)];

        public int Channel(int index, int channel) => channel switch { 0 => palette[index].R, 1 => palette[index].G, _ => palette[index].B };

        public int Of(int r, int g, int b)
        {
            var cell = r >> 2 << 12 | g >> 2 << 6 | b >> 2;
            if (known[cell] >= 0) return known[cell];
            var (best, least) = (0, int.MaxValue);
            for (var i = 0; i < palette.Length; i++)
            {
                int dr = palette[i].R - r, dg = palette[i].G - g, db = palette[i].B - b;
                var distance = dr * dr + dg * dg + db * db;
                if (distance < least) (best, least) = (i, distance);
            }
            known[cell] = (short)best;
            return best;
        }
    }

    // Codes of 9 to 12 bits for strings of indices, lowest bit first, in blocks of at most 255 bytes.
    private static void Compress(byte[] indices, Stream file)
    {
        const int clear = 256, end = 257, most = 4096;
        var block = new List<byte>(255);
        int bits = 0, held = 0, size = 9, next = 258;
        var codes = new Dictionary<int, int>();                              // (code of a prefix, index after it) to a code

        void Put(int code)
        {
            held |= code << bits;
            for (bits += size; bits >= 8; bits -= 8, held >>= 8) Byte((byte)held);
        }
        void Byte(byte value)
        {
            block.Add(value);
            if (block.Count == 255) Flush();
        }
        void Flush()
        {
            if (block.Count == 0) return;
            file.WriteByte((byte)block.Count);
            file.Write([.. block]);
            block.Clear();
        }

        file.WriteByte(8);
        Put(clear);
        int prefix = indices[0];
        foreach (var index in indices.AsSpan(1))
        {
            if (codes.TryGetValue(prefix << 8 | index, out var longer))
            {
                prefix = longer;
                continue;
            }
            Put(prefix);
            if (next < most)
            {
                codes[prefix << 8 | index] = next++;
                if (next - 1 == 1 << size && size < 12) size++;
            }
            else
            {
                Put(clear);
                codes.Clear();
                (size, next) = (9, 258);
            }
            prefix = index;
        }
        Put(prefix);
        Put(end);
        if (bits > 0) Byte((byte)held);
        Flush();
        file.WriteByte(0);
    }
}
