package gateway.interop.phase4;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.callback.UnsupportedCallbackException;

import jakarta.mail.BodyPart;
import jakarta.mail.MessagingException;
import jakarta.mail.internet.MimeMultipart;
import jakarta.mail.util.ByteArrayDataSource;
import org.apache.wss4j.common.ext.Attachment;
import org.apache.wss4j.common.ext.AttachmentRequestCallback;
import org.apache.wss4j.common.ext.AttachmentResultCallback;

/** The MIME parts of one message: handed to WSS4J by their Content-ID, and taken back decrypted. */
final class Attachments implements CallbackHandler {
  record Part(String mimeType, Map<String, String> headers, byte[] content) {}

  private final Map<String, Part> parts = new LinkedHashMap<>();
  private byte[] envelope;

  private Attachments() {}

  static Attachments of(String contentType, byte[] body) throws MessagingException, IOException {
    Attachments attachments = new Attachments();
    if (!contentType.startsWith("multipart/")) {
      attachments.envelope = body;
      return attachments;
    }
    MimeMultipart multipart = new MimeMultipart(new ByteArrayDataSource(body, contentType));
    for (int i = 0; i < multipart.getCount(); i++) {
      attachments.take(multipart.getBodyPart(i));
    }
    return attachments;
  }

  byte[] envelope() {
    return envelope;
  }

  Map<String, Part> parts() {
    return parts;
  }

  @Override
  public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
    for (Callback callback : callbacks) {
      if (callback instanceof AttachmentRequestCallback request) {
        request.setAttachments(List.of(asked(request.getAttachmentId())));
      } else if (callback instanceof AttachmentResultCallback result) {
        parts.put(result.getAttachmentId(), decrypted(result.getAttachment()));
      } else {
        throw new UnsupportedCallbackException(callback);
      }
    }
  }

  private void take(BodyPart part) throws MessagingException, IOException {
    byte[] content = part.getInputStream().readAllBytes();
    if (envelope == null) {
      envelope = content;
      return;
    }
    String id = part.getHeader("Content-ID")[0].replaceAll("^<|>$", "");
    parts.put(id, new Part(part.getContentType(), Map.of("Content-Type", part.getContentType()), content));
  }

  private Attachment asked(String id) {
    Part part = parts.get(id);
    if (part == null) {
      throw new Options.Misuse("there is no part " + id);
    }
    Attachment attachment = new Attachment();
    attachment.setId(id);
    attachment.setMimeType(part.mimeType());
    attachment.addHeaders(part.headers());
    attachment.setSourceStream(new ByteArrayInputStream(part.content()));
    return attachment;
  }

  private static Part decrypted(Attachment attachment) {
    try {
      byte[] content = attachment.getSourceStream().readAllBytes();
      return new Part(attachment.getMimeType(), attachment.getHeaders(), content);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
