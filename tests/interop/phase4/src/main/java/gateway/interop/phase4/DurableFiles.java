package gateway.interop.phase4;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Files that are on the disk when the call returns: written, forced, and their folder forced. */
final class DurableFiles {
  private static final int BUFFER_BYTES = 64 * 1024;

  private DurableFiles() {}

  /** Reads `content` to its end through `seen`, which gets every piece; stores it when `file` is not null. */
  static void drain(InputStream content, Path file, Piece seen) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    try (FileChannel channel = file == null ? null : open(file)) {
      for (int count = content.read(buffer); count >= 0; count = content.read(buffer)) {
        seen.of(buffer, count);
        if (channel != null) {
          writeAll(channel, ByteBuffer.wrap(buffer, 0, count));
        }
      }
      if (channel != null) {
        channel.force(true);
      }
    }
  }

  static void write(Path file, byte[] octets) throws IOException {
    try (FileChannel channel = open(file)) {
      writeAll(channel, ByteBuffer.wrap(octets));
      channel.force(true);
    }
  }

  static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Takes `count` octets at the start of `buffer`. */
  interface Piece {
    void of(byte[] buffer, int count);
  }

  private static FileChannel open(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private static void writeAll(FileChannel channel, ByteBuffer octets) throws IOException {
    while (octets.hasRemaining()) {
      channel.write(octets);
    }
  }
}
