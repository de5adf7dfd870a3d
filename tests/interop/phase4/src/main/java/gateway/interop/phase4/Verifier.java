package gateway.interop.phase4;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

import javax.security.auth.callback.Callback;
import javax.xml.parsers.DocumentBuilderFactory;

import org.apache.wss4j.common.bsp.BSPRule;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.apache.wss4j.dom.WSConstants;
import org.apache.wss4j.dom.WSDataRef;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.engine.WSSecurityEngine;
import org.apache.wss4j.dom.engine.WSSecurityEngineResult;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.handler.WSHandlerResult;
import org.w3c.dom.Document;

/**
 * WSS4J alone, without phase4: decrypts and verifies what somebody else wrote, and says what it found.
 *
 * <p>The Basic Security Profile is enforced but for the rules named by `--ignore-rule`.
 */
final class Verifier {
  private static final byte[] END_OF_HEADERS = {'\r', '\n', '\r', '\n'};
  private static final Pattern CONTENT_TYPE = Pattern.compile("(?im)^content-type:\\s*(.*)$");

  private final Options options;

  private Verifier(Options options) {
    this.options = options;
  }

  /** Says one line about the HTTP message in the file `--message`; 0 when WSS4J believes it. */
  static int run(Options options) throws Exception {
    WSSConfig.init();
    byte[] message = Files.readAllBytes(Path.of(options.need("message")));
    int body = endOfHeaders(message);
    String headers = new String(message, 0, body, StandardCharsets.ISO_8859_1);
    Matcher contentType = CONTENT_TYPE.matcher(headers);
    if (!contentType.find()) {
      throw new Options.Misuse("no Content-Type in " + options.need("message"));
    }
    byte[] octets = Arrays.copyOfRange(message, body, message.length);
    return new Verifier(options).say(Attachments.of(contentType.group(1).trim(), octets));
  }

  private static int endOfHeaders(byte[] message) {
    for (int at = 0; at + END_OF_HEADERS.length <= message.length; at++) {
      if (Arrays.equals(message, at, at + END_OF_HEADERS.length, END_OF_HEADERS, 0, END_OF_HEADERS.length)) {
        return at + END_OF_HEADERS.length;
      }
    }
    throw new Options.Misuse("no empty line after the headers");
  }

  private int say(Attachments attachments) throws Exception {
    Line line = new Line();
    try {
      WSHandlerResult found = new WSSecurityEngine().processSecurityHeader(parsed(attachments.envelope()), asked(attachments));
      line.put("believed", found != null && found.getActionResults().containsKey(WSConstants.SIGN));
      line.put("signature", signature(found)).put("encryption", encryption(found));
      line.put("parts", parts(attachments));
    } catch (Exception failure) {
      line.put("believed", false).put("failure", causes(failure));
    }
    line.say(null);
    return Boolean.TRUE.equals(line.facts().get("believed")) ? 0 : 1;
  }

  private static Document parsed(byte[] envelope) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setNamespaceAware(true);
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(new ByteArrayInputStream(envelope));
  }

  private RequestData asked(Attachments attachments) throws Exception {
    RequestData asked = new RequestData();
    asked.setSigVerCrypto(believing(Keys.partner(options, "sign"), Keys.anchors(options)));
    Merlin own = new Merlin();
    own.setKeyStore(Keys.own(options, "encrypt").asKeyStore("encrypt"));
    asked.setDecCrypto(own);
    asked.setAttachmentCallbackHandler(attachments);
    asked.setCallbackHandler(Verifier::password);
    asked.setIgnoredBSPRules(options.all("ignore-rule").stream().map(BSPRule::valueOf).toList());
    return asked;
  }

  private static Merlin believing(List<X509Certificate> certificates, List<X509Certificate> anchors)
      throws Exception {
    Merlin believed = new Merlin();
    believed.setKeyStore(Keys.trusting(certificates));
    believed.setTrustStore(Keys.trusting(anchors.isEmpty() ? certificates : anchors));
    return believed;
  }

  private static void password(Callback[] callbacks) {
    for (Callback callback : callbacks) {
      if (callback instanceof WSPasswordCallback wanted) {
        wanted.setPassword(new String(Keys.IN_MEMORY));
      }
    }
  }

  private static Map<String, Object> signature(WSHandlerResult found) throws Exception {
    WSSecurityEngineResult signed = only(found, WSConstants.SIGN);
    if (signed == null) {
      return null;
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("method", signed.get(WSSecurityEngineResult.TAG_SIGNATURE_METHOD));
    facts.put("canonicalization", signed.get(WSSecurityEngineResult.TAG_CANONICALIZATION_METHOD));
    facts.put("token", signed.get(WSSecurityEngineResult.TAG_X509_REFERENCE_TYPE));
    X509Certificate signer = (X509Certificate) signed.get(WSSecurityEngineResult.TAG_X509_CERTIFICATE);
    facts.put("signer_sha256", sha256(signer.getEncoded()));
    facts.put("references", references(signed));
    return facts;
  }

  private static Map<String, Object> encryption(WSHandlerResult found) {
    WSSecurityEngineResult encrypted = only(found, WSConstants.ENCR);
    if (encrypted == null) {
      return null;
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("key", encrypted.get(WSSecurityEngineResult.TAG_ENCRYPTED_KEY_TRANSPORT_METHOD));
    facts.put("token", encrypted.get(WSSecurityEngineResult.TAG_X509_REFERENCE_TYPE));
    facts.put("references", references(encrypted));
    return facts;
  }

  private static WSSecurityEngineResult only(WSHandlerResult found, int action) {
    List<WSSecurityEngineResult> results = found == null ? null : found.getActionResults().get(action);
    return results == null || results.isEmpty() ? null : results.get(0);
  }

  private static List<Object> references(WSSecurityEngineResult result) {
    List<Object> references = new ArrayList<>();
    List<?> found = (List<?>) result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
    for (Object each : found == null ? List.of() : found) {
      WSDataRef reference = (WSDataRef) each;
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("id", reference.getWsuId());
      facts.put("name", reference.getName() == null ? null : reference.getName().getLocalPart());
      facts.put("attachment", reference.isAttachment());
      facts.put("algorithm", reference.getAlgorithm());
      byte[] digest = reference.getDigestValue();
      facts.put("digest", digest == null ? null : Base64.getEncoder().encodeToString(digest));
      references.add(facts);
    }
    return references;
  }

  /** Each part as it is after decryption, and what it holds after decompression. */
  private static List<Object> parts(Attachments attachments) throws Exception {
    List<Object> parts = new ArrayList<>();
    for (Map.Entry<String, Attachments.Part> entry : attachments.parts().entrySet()) {
      Attachments.Part part = entry.getValue();
      boolean compressed = "application/gzip".equals(part.mimeType());
      byte[] content = compressed ? unpacked(part.content()) : part.content();
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("id", entry.getKey());
      facts.put("mime_type", part.mimeType());
      facts.put("size_bytes", content.length);
      facts.put("sha256", sha256(content));
      parts.add(facts);
    }
    return parts;
  }

  private static byte[] unpacked(byte[] compressed) throws IOException {
    return new GZIPInputStream(new ByteArrayInputStream(compressed)).readAllBytes();
  }

  private static String sha256(byte[] octets) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(octets));
  }

  private static String causes(Throwable failure) {
    StringBuilder causes = new StringBuilder();
    for (Throwable at = failure; at != null; at = at.getCause()) {
      causes.append(causes.isEmpty() ? "" : ": ").append(at);
    }
    return causes.toString();
  }
}
