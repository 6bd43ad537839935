using System.Buffers.Binary;
using System.Text;
using Manifold.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Checkpoints;

public class SafeTensorsTests
{
    // Assembled by hand from the format's description: two tensors, the wider type first, the header padded to 8 bytes.
    private static byte[] ByHand()
    {
        var header = """{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1,3],"data_offsets":[8,11]}}""";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        var file = new byte[8 + header.Length + 11];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        Encoding.UTF8.GetBytes(header).CopyTo(file, 8);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(8 + header.Length), 1.5f);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(12 + header.Length), -2f);
        new byte[] { 7, 8, 9 }.CopyTo(file, 16 + header.Length);
        return file;
    }

    [Fact]
    public void A_file_is_what_the_format_says_byte_for_byte() =>
        Assert.Equal(ByHand(), SafeTensors.Write(new Dictionary<string, Tensor> { ["a"] = tensor(new byte[,] { { 7, 8, 9 } }), ["b"] = tensor(new[] { 1.5f, -2f }) }));

    [Fact]
    public void A_file_by_hand_is_read()
    {
        Tensor a = zeros([1, 3], ScalarType.Byte), b = zeros(2);
        SafeTensors.ReadInto(ByHand(), new Dictionary<string, Tensor> { ["a"] = a, ["b"] = b }, "by-hand");
        Assert.Equal([7, 8, 9], a.data<byte>().ToArray());
        Assert.Equal([1.5f, -2f], b.data<float>().ToArray());
    }

    // Strides are this process's business: the file has rows in order, and a reader keeps the strides it has.
    [Fact]
    public void Strides_stay_out_of_the_file_and_in_the_tensor()
    {
        var plain = arange(2 * 3 * 4 * 5, ScalarType.Float32).view(2, 3, 4, 5);
        var channelsLast = plain.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        var file = SafeTensors.Write(new Dictionary<string, Tensor> { ["x"] = channelsLast });
        Assert.Equal(SafeTensors.Write(new Dictionary<string, Tensor> { ["x"] = plain }), file);

        var target = zeros_like(channelsLast);
        SafeTensors.ReadInto(file, new Dictionary<string, Tensor> { ["x"] = target }, "x");
        Assert.Equal(channelsLast.stride(), target.stride());
        Assert.True(target.eq(plain).all().item<bool>());
    }

    [Fact]
    public void Every_dtype_scalars_and_empty_tensors_come_back()
    {
        foreach (var type in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Int32, ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool })
            foreach (var value in new[] { ones([], type), ones([0, 3], type), ones([2, 2], type) })
            {
                var target = zeros(value.shape, type);
                SafeTensors.ReadInto(SafeTensors.Write(new Dictionary<string, Tensor> { ["x"] = value }), new Dictionary<string, Tensor> { ["x"] = target }, "x");
                Assert.True(target.eq(value).all().item<bool>());
            }
    }

    [Fact]
    public void What_does_not_fit_is_listed_and_nothing_is_changed()
    {
        Tensor a = zeros([1, 4], ScalarType.Byte), c = zeros(1);
        var error = Assert.Throws<CheckpointException>(() => SafeTensors.ReadInto(ByHand(), new Dictionary<string, Tensor> { ["a"] = a, ["c"] = c }, "model.safetensors"));
        Assert.Equal("model.safetensors does not fit: c is missing; b is unexpected; a is Byte [1, 3] and needs Byte [1, 4].", error.Message);
        Assert.Equal(0, a.sum().item<long>());
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}""", 7)]                                                                     // not the shape's bytes
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8)]                                                                     // a gap before it
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", 6)]                   // overlap
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 5)]                                                                      // a byte too many
    [InlineData("""{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,-4]}}""", 0)]                                                                    // negative
    [InlineData("""{"a":{"dtype":"U8","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0)]                                                  // a product past 64 bits
    [InlineData("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0)]                 // twice
    [InlineData("""{"a":{"dtype":"C64","shape":[0],"data_offsets":[0,0]}}""", 0)]                                                                     // unknown
    [InlineData("""{"a":{"dtype":"F32","shape":[0]}}""", 0)]
    [InlineData("""[]""", 0)]
    public void A_broken_rule_is_refused(string header, int dataBytes)
    {
        var file = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        Encoding.UTF8.GetBytes(header).CopyTo(file, 8);
        Assert.Throws<CheckpointException>(() => SafeTensors.ReadHeader(file, "x"));
    }

    [Fact]
    public void Mutated_files_end_in_nothing_but_a_refusal()
    {
        var target = new Dictionary<string, Tensor> { ["a"] = zeros([1, 3], ScalarType.Byte), ["b"] = zeros(2) };
        var refused = Mutations.Try(ByHand(), Mutations.Count, bytes =>
        {
            try { SafeTensors.ReadInto(bytes, target, "mutated"); return true; }
            catch (CheckpointException) { return false; }
        });
        Assert.InRange(refused, Mutations.Count / 2, Mutations.Count);   // a change of the data itself cannot be seen here; the run folder's hash sees it
    }
}
