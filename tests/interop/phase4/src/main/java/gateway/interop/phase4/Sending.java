package gateway.interop.phase4;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

import com.helger.mime.CMimeType;
import com.helger.mime.IMimeType;
import com.helger.mime.parse.MimeTypeParser;
import com.helger.mime.parse.MimeTypeParserException;
import com.helger.phase4.CAS4;
import com.helger.phase4.attachment.AS4OutgoingAttachment;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.messaging.http.HttpRetrySettings;
import com.helger.phase4.model.MessageProperty;
import com.helger.phase4.sender.AS4Sender;
import com.helger.phase4.sender.IAS4RawResponseConsumer;

/** Sends messages by One-Way/Push with phase4's own client and judges what comes back. */
final class Sending {

  private final Options options;
  private final Agreed agreed;
  private final WireSecurity security;
  private final Wire wire;

  private Sending(Options options, int connections) throws Exception {
    this.options = options;
    this.agreed = Agreed.from(options, options.need("url"));
    this.security = WireSecurity.load(options);
    this.wire = new Wire(options, connections);
  }

  /**
   * One message, or `--count` of them with `--concurrency`, after `--warm-up` messages that do not count; 0 when every
   * receipt was accepted.
   */
  static int run(Options options) throws Exception {
    int count = options.number("count", 1);
    int concurrency = options.number("concurrency", 1);
    Sending sending = new Sending(options, concurrency);
    if (!options.has("count")) {
      Outcome outcome = sending.send(options.or("message-id", newMessageId()));
      outcome.described().put("sent_bytes", sending.wire.sentBytes()).say(null);
      return outcome.accepted() ? 0 : 1;
    }
    for (int i = 0; i < options.number("warm-up", 0); i++) {
      sending.send(newMessageId());
    }
    long before = sending.wire.sentBytes();
    return Load.run(
        count, concurrency, () -> sending.send(newMessageId()), () -> sending.wire.sentBytes() - before);
  }

  private static String newMessageId() {
    return UUID.randomUUID() + "@phase4.example";
  }

  private Outcome send(String messageId) {
    Outcome outcome = new Outcome(messageId, security);
    try {
      AS4Sender.BuilderUserMessage message = addressed(messageId);
      secured(message);
      filled(message);
      message.signalMsgConsumer(outcome).signalMsgValidationResultHdl(outcome);
      message.rawResponseConsumer(answerDump());
      outcome.settled(message.sendMessageAndCheckForReceipt(
          failure -> outcome.failed(String.valueOf(root(failure)))));
    } catch (Exception failure) {
      outcome.failed(String.valueOf(root(failure)));
    }
    return outcome;
  }

  private AS4Sender.BuilderUserMessage addressed(String messageId) {
    return AS4Sender.builderUserMessage()
        .as4ProfileID(options.or("suite", "edelivery-as4-1.15"))
        .incomingProfileSelector(new AS4IncomingProfileSelectorConstant(null, false))
        .pmodeResolver(agreed.resolver())
        .pmode(agreed.asPMode())
        .customHttpPoster(wire)
        .httpRetrySettings(new HttpRetrySettings().setMaxRetries(0))
        .endpointURL(agreed.address())
        .messageID(messageId)
        .conversationID(options.or("conversation", messageId))
        .service(agreed.service())
        .action(options.need("action"))
        .agreementRef(agreed.agreement())
        .fromPartyIDType(Agreed.PARTY_TYPE)
        .fromPartyID(agreed.fromParty())
        .fromRole(CAS4.DEFAULT_INITIATOR_URL)
        .toPartyIDType(Agreed.PARTY_TYPE)
        .toPartyID(agreed.toParty())
        .toRole(CAS4.DEFAULT_RESPONDER_URL);
  }

  private void secured(AS4Sender.BuilderUserMessage message) {
    message
        .cryptoFactorySign(security.forSigning())
        .cryptoFactoryCrypt(security.forEncryption())
        .receiverCertificate(security.partnerEncryption())
        .withSigningParams(signing -> WireSecurity.nameSigner(signing, options))
        .withCryptParams(encryption -> WireSecurity.nameRecipient(encryption, options));
  }

  private void filled(AS4Sender.BuilderUserMessage message) throws MimeTypeParserException {
    for (String property : options.all("property")) {
      String[] pair = property.split("=", 2);
      message.addMessageProperty(MessageProperty.builder().name(pair[0]).value(pair[1]));
    }
    for (String payload : options.all("payload")) {
      message.addAttachment(part(payload));
    }
  }

  /** FILE or FILE:type/subtype. */
  private AS4OutgoingAttachment.Builder part(String payload) throws MimeTypeParserException {
    int colon = payload.lastIndexOf(':');
    boolean typed = colon > 0 && payload.indexOf('/', colon) > 0;
    String file = typed ? payload.substring(0, colon) : payload;
    IMimeType type =
        typed ? MimeTypeParser.parseMimeType(payload.substring(colon + 1)) : CMimeType.APPLICATION_XML;
    AS4OutgoingAttachment.Builder part = AS4OutgoingAttachment.builder().data(new File(file)).mimeType(type);
    if (type.getContentSubType().endsWith("xml")) {
      part.charset(StandardCharsets.UTF_8);
    }
    return options.has("without-compression") ? part : part.compressionGZIP();
  }

  private IAS4RawResponseConsumer answerDump() {
    Path file = options.path("dump-answer");
    if (file == null) {
      return null;
    }
    return answer -> {
      StringBuilder headers = new StringBuilder("Status: " + answer.getResponseStatusLine() + "\n");
      answer.getResponseHeaders().forEachSingleHeader(
          (name, value) -> headers.append(name).append(": ").append(value).append('\n'), true);
      try {
        Files.writeString(Path.of(file + ".headers"), headers);
        Files.write(file, answer.getResponseContent() == null ? new byte[0] : answer.getResponseContent());
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    };
  }

  private static Throwable root(Throwable failure) {
    Throwable at = failure;
    while (at.getCause() != null) {
      at = at.getCause();
    }
    return at;
  }
}
