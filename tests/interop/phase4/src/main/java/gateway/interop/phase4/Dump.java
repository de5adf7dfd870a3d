package gateway.interop.phase4;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

import com.helger.http.header.HttpHeaderMap;
import com.helger.phase4.dump.IAS4IncomingDumper;
import com.helger.phase4.dump.IAS4OutgoingDumper;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.messaging.EAS4MessageMode;

/** Keeps what the receiver took and answered: NNNN-request and NNNN-response, headers beside the bodies. */
final class Dump implements IAS4IncomingDumper, IAS4OutgoingDumper {
  private final Path folder;
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicInteger responses = new AtomicInteger();

  Dump(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
  }

  @Override
  public OutputStream onNewRequest(IAS4IncomingMessageMetadata metadata, HttpHeaderMap headers) throws IOException {
    return body(requests.incrementAndGet(), "request", headers);
  }

  @Override
  public void onEndRequest(IAS4IncomingMessageMetadata metadata, Exception caught) {
    // phase4 closes the stream.
  }

  @Override
  public OutputStream onBeginRequest(
      EAS4MessageMode mode,
      IAS4IncomingMessageMetadata metadata,
      IAS4IncomingMessageState state,
      String messageId,
      HttpHeaderMap headers,
      int attempt)
      throws IOException {
    return body(responses.incrementAndGet(), "response", headers);
  }

  @Override
  public void onEndRequest(
      EAS4MessageMode mode,
      IAS4IncomingMessageMetadata metadata,
      IAS4IncomingMessageState state,
      String messageId,
      Exception caught) {
    // phase4 closes the stream.
  }

  private OutputStream body(int number, String what, HttpHeaderMap headers) throws IOException {
    String name = String.format("%04d-%s", number, what);
    StringBuilder text = new StringBuilder();
    if (headers != null) {
      headers.forEachSingleHeader((field, value) -> text.append(field).append(": ").append(value).append('\n'), true);
    }
    Files.writeString(folder.resolve(name + ".headers"), text);
    return Files.newOutputStream(folder.resolve(name + ".body"));
  }
}
