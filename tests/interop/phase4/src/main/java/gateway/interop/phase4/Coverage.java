package gateway.interop.phase4;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

import com.helger.phase4.CAS4;
import com.helger.phase4.incoming.IAS4IncomingMessageState;

/**
 * What phase4 leaves to its user: that a message is signed at all, by the partner, over everything that counts.
 *
 * <p>WSS4J has verified every ds:Reference by the time this looks at them, so their URIs say what is covered.
 */
final class Coverage {
  private static final String SOAP = "http://www.w3.org/2003/05/soap-envelope";

  private Coverage() {}

  /** Empty when the message is signed by a pinned certificate over Messaging, Body and every part. */
  static List<String> signatureFaults(IAS4IncomingMessageState state, WireSecurity security, Set<String> contentIds) {
    List<String> faults = new ArrayList<>();
    if (!state.isSoapSignatureChecked() || state.getSigningCertificate() == null) {
      faults.add("the message is not signed");
      return faults;
    }
    if (!security.partnerSigning().contains(state.getSigningCertificate())) {
      faults.add("the signer is not the partner");
    }
    Document envelope = state.getEffectiveDecryptedSoapDocument();
    Set<String> signed = uris(envelope, CAS4.DS_NS, "Reference", "SignedInfo");
    requireSigned(faults, signed, envelope, CAS4.EBMS_NS, "Messaging");
    requireSigned(faults, signed, envelope, SOAP, "Body");
    for (String contentId : contentIds) {
      if (!signed.contains("cid:" + contentId)) {
        faults.add("the part " + contentId + " is not signed");
      }
    }
    return faults;
  }

  /**
   * Empty when every part was encrypted. WSS4J takes each xenc:EncryptedData away once it is decrypted, and has
   * refused any xenc:DataReference that leads nowhere, so what is left to look at is how many there were.
   */
  static List<String> encryptionFaults(IAS4IncomingMessageState state, Set<String> contentIds) {
    if (contentIds.isEmpty()) {
      return List.of();
    }
    if (!state.isSoapDecrypted()) {
      return List.of("the message is not encrypted");
    }
    Document envelope = state.getEffectiveDecryptedSoapDocument();
    int encrypted = uris(envelope, CAS4.XENC_NS, "DataReference", "ReferenceList").size();
    int parts = contentIds.size();
    return encrypted == parts ? List.of() : List.of(encrypted + " of " + parts + " parts are encrypted");
  }

  private static void requireSigned(
      List<String> faults, Set<String> signed, Document envelope, String namespace, String name) {
    NodeList found = envelope.getElementsByTagNameNS(namespace, name);
    boolean covered =
        found.getLength() == 1
            && signed.contains("#" + ((Element) found.item(0)).getAttributeNS(CAS4.WSU_NS, "Id"));
    if (!covered) {
      faults.add(name + " is not signed");
    }
  }

  /** The URI of every element inside its usual parent; a receipt repeats ds:Reference elsewhere. */
  private static Set<String> uris(Document envelope, String namespace, String name, String parent) {
    Set<String> found = new HashSet<>();
    NodeList elements = envelope.getElementsByTagNameNS(namespace, name);
    for (int i = 0; i < elements.getLength(); i++) {
      Element element = (Element) elements.item(i);
      if (parent.equals(element.getParentNode().getLocalName())) {
        found.add(element.getAttribute("URI"));
      }
    }
    return found;
  }
}
