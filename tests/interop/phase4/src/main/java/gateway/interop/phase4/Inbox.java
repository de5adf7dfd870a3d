package gateway.interop.phase4;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

import org.w3c.dom.Node;

import com.helger.collection.commons.ICommonsList;
import com.helger.http.header.HttpHeaderMap;
import com.helger.phase4.CAS4;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.ebms3header.Ebms3From;
import com.helger.phase4.ebms3header.Ebms3PartyId;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3To;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.error.AS4ErrorList;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.spi.AS4MessageProcessorResult;
import com.helger.phase4.incoming.spi.AS4SignalMessageProcessorResult;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.model.pmode.IPMode;

/**
 * Takes every message phase4 has verified: refuses what is not fully signed and encrypted, writes one line for the
 * rest, and, with a store, keeps the payloads on disk before phase4 answers with the receipt.
 */
final class Inbox implements IAS4IncomingMessageProcessorSPI {
  private final WireSecurity security;
  private final Path lines;
  private final Path store;
  private final boolean handsOut;

  Inbox(WireSecurity security, Path lines, Path store, boolean handsOut) {
    this.security = security;
    this.lines = lines;
    this.store = store;
    this.handsOut = handsOut;
  }

  @Override
  public AS4MessageProcessorResult processAS4UserMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3UserMessage message,
      IPMode pmode,
      Node bodyPayload,
      ICommonsList<WSS4JAttachment> attachments,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    try {
      List<String> faults = faults(message, pmode, state);
      if (!faults.isEmpty()) {
        refuse(String.join("; ", faults), message, errors);
        return AS4MessageProcessorResult.createFailure();
      }
      keep(message, attachments == null ? List.of() : attachments, state);
      return AS4MessageProcessorResult.createSuccess();
    } catch (Exception failure) {
      throw new IllegalStateException("the message could not be kept", failure);
    }
  }

  @Override
  public AS4SignalMessageProcessorResult processAS4SignalMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3SignalMessage signal,
      IPMode pmode,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    if (signal.getPullRequest() == null) {
      return AS4SignalMessageProcessorResult.createSuccess();
    }
    try {
      new Line()
          .put("event", "asked")
          .put("message_id", signal.getMessageInfo().getMessageId())
          .put("mpc", signal.getPullRequest().getMpc())
          .put("faults", Coverage.signatureFaults(state, security, Set.of()))
          .say(lines);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
    return handsOut
        ? AS4SignalMessageProcessorResult.createSuccess(null, null, Channel.waiting())
        : AS4SignalMessageProcessorResult.createSuccess();
  }

  @Override
  public void processAS4ResponseMessage(
      IAS4IncomingMessageMetadata metadata,
      IAS4IncomingMessageState state,
      String responseMessageId,
      byte[] response,
      boolean available,
      AS4ErrorList errors) {
    // The answer is dumped by the receiver itself when asked for.
  }

  private List<String> faults(Ebms3UserMessage message, IPMode pmode, IAS4IncomingMessageState state) {
    Set<String> contentIds = contentIds(message);
    List<String> faults = new ArrayList<>(Coverage.signatureFaults(state, security, contentIds));
    faults.addAll(Coverage.encryptionFaults(state, contentIds));
    Ebms3From from = message.getPartyInfo().getFrom();
    Ebms3To to = message.getPartyInfo().getTo();
    boolean known =
        Objects.equals(Agreed.PARTY_TYPE, from.getPartyIdAtIndex(0).getType())
            && Objects.equals(Agreed.PARTY_TYPE, to.getPartyIdAtIndex(0).getType())
            && CAS4.DEFAULT_INITIATOR_URL.equals(from.getRole())
            && CAS4.DEFAULT_RESPONDER_URL.equals(to.getRole())
            && message.getCollaborationInfo().getService().getType() == null;
    if (!known) {
      faults.add("party types, roles or service type are not those of the P-Mode " + pmode.getID());
    }
    return faults;
  }

  private void refuse(String sentence, Ebms3UserMessage message, AS4ErrorList errors) {
    String messageId = message.getMessageInfo().getMessageId();
    errors.add(
        EEbmsError.EBMS_POLICY_NONCOMPLIANCE
            .errorBuilder(Locale.ENGLISH)
            .refToMessageInError(messageId)
            .errorDetail(sentence)
            .build());
  }

  private void keep(Ebms3UserMessage message, List<WSS4JAttachment> attachments, IAS4IncomingMessageState state)
      throws Exception {
    Path folder = null;
    if (store != null) {
      folder = Files.createDirectory(store.resolve(UUID.randomUUID().toString()));
    }
    List<Object> parts = new ArrayList<>();
    for (int i = 0; i < attachments.size(); i++) {
      parts.add(part(attachments.get(i), folder == null ? null : folder.resolve("part-" + i)));
    }
    Line line = described(message, state).put("attachments", parts);
    if (folder != null) {
      DurableFiles.write(folder.resolve("message.json"), line.text().getBytes(StandardCharsets.UTF_8));
      DurableFiles.forceFolder(folder);
      DurableFiles.forceFolder(store);
    }
    line.say(lines);
  }

  private Map<String, Object> part(WSS4JAttachment attachment, Path file) throws Exception {
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    long[] sizeBytes = {0};
    try (InputStream content = attachment.getSourceStream()) {
      DurableFiles.drain(content, file, (buffer, count) -> {
        sha256.update(buffer, 0, count);
        sizeBytes[0] += count;
      });
    }
    Map<String, Object> part = new LinkedHashMap<>();
    part.put("content_id", attachment.getId());
    part.put("mime_type", attachment.getUncompressedMimeType());
    part.put("compressed", attachment.getCompressionMode() != null);
    part.put("size_bytes", sizeBytes[0]);
    part.put("sha256", HexFormat.of().formatHex(sha256.digest()));
    return part;
  }

  private static Line described(Ebms3UserMessage message, IAS4IncomingMessageState state) {
    var collaboration = message.getCollaborationInfo();
    return new Line()
        .put("event", "received")
        .put("message_id", message.getMessageInfo().getMessageId())
        .put("ref_to_message_id", message.getMessageInfo().getRefToMessageId())
        .put("from", party(message.getPartyInfo().getFrom().getPartyIdAtIndex(0)))
        .put("to", party(message.getPartyInfo().getTo().getPartyIdAtIndex(0)))
        .put("service", collaboration.getServiceValue())
        .put("action", collaboration.getAction())
        .put("agreement", collaboration.getAgreementRefValue())
        .put("conversation_id", collaboration.getConversationId())
        .put("properties", properties(message))
        .put("signer", state.getSigningCertificate().getSubjectX500Principal().getName())
        .put("signing_token", String.valueOf(state.getSigningCertificateReferenceType()));
  }

  private static Map<String, Object> party(Ebms3PartyId id) {
    Map<String, Object> party = new LinkedHashMap<>();
    party.put("id", id.getValue());
    party.put("type", id.getType());
    return party;
  }

  private static Map<String, Object> properties(Ebms3UserMessage message) {
    Map<String, Object> properties = new LinkedHashMap<>();
    if (message.getMessageProperties() != null) {
      message.getMessageProperties().getProperty().forEach(each -> properties.put(each.getName(), each.getValue()));
    }
    return properties;
  }

  private static Set<String> contentIds(Ebms3UserMessage message) {
    Set<String> contentIds = new LinkedHashSet<>();
    if (message.getPayloadInfo() != null) {
      message.getPayloadInfo().getPartInfo().forEach(
          part -> contentIds.add(part.getHref() == null ? "" : part.getHref().replaceFirst("^cid:", "")));
    }
    return contentIds;
  }
}
