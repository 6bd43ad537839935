namespace Manifold.Data;

/// <summary>A stream that refuses a single read that is too long. A tar reader asks for as many bytes as a header says, whatever the file has.</summary>
internal sealed class BoundedReads(Stream inner, int largest) : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer) =>
        buffer.Length <= largest ? inner.Read(buffer) : throw new InvalidDataException($"A header says that it has {buffer.Length:N0} bytes.");

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
