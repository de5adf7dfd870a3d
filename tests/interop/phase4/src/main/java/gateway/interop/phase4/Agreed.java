package gateway.interop.phase4;

import java.util.Objects;

import com.helger.base.state.ETriState;
import com.helger.phase4.CAS4;
import com.helger.phase4.crypto.ECryptoAlgorithmCrypt;
import com.helger.phase4.crypto.ECryptoAlgorithmSignDigest;
import com.helger.phase4.model.EMEP;
import com.helger.phase4.model.EMEPBinding;
import com.helger.phase4.model.ESoapVersion;
import com.helger.phase4.model.pmode.PMode;
import com.helger.phase4.model.pmode.PModeParty;
import com.helger.phase4.model.pmode.PModeReceptionAwareness;
import com.helger.phase4.model.pmode.leg.EPModeSendReceiptReplyPattern;
import com.helger.phase4.model.pmode.leg.PModeLeg;
import com.helger.phase4.model.pmode.leg.PModeLegBusinessInformation;
import com.helger.phase4.model.pmode.leg.PModeLegErrorHandling;
import com.helger.phase4.model.pmode.leg.PModeLegProtocol;
import com.helger.phase4.model.pmode.leg.PModeLegSecurity;
import com.helger.phase4.model.pmode.resolve.IAS4PModeResolver;
import com.helger.phase4.wss.EWSSVersion;

/** What the two parties agreed, as a P-Mode of eDelivery AS4 (One-Way/Push) by one of its suites. */
record Agreed(
    String fromParty, String toParty, String service, String agreement, String address, boolean sign, boolean encrypt,
    Suite suite) {
  static final String PARTY_TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered";
  static final String SERVICE = "urn:uncc:service:cooperation:1";
  static final String AGREEMENT = "urn:uncc:agreement:az-xu:1";
  static final String ANY_ACTION = "any";
  private static final int MINIMUM_STRENGTH_BITS = 128;

  static Agreed from(Options options, String address) {
    return new Agreed(
        options.need("from-party"),
        options.need("to-party"),
        options.or("service", SERVICE),
        options.or("agreement", AGREEMENT),
        address,
        !options.has("without-signature"),
        !options.has("without-encryption"),
        Suite.from(options));
  }

  PMode asPMode() {
    return bound(EMEPBinding.PUSH);
  }

  /** The same, for what the partner pulls from us. */
  PMode asPulled() {
    return bound(EMEPBinding.PULL);
  }

  private PMode bound(EMEPBinding binding) {
    PModeParty initiator = new PModeParty(PARTY_TYPE, fromParty, CAS4.DEFAULT_INITIATOR_URL, null, null);
    PModeParty responder = new PModeParty(PARTY_TYPE, toParty, CAS4.DEFAULT_RESPONDER_URL, null, null);
    return new PMode(
        fromParty + "-" + toParty, initiator, responder, agreement, EMEP.ONE_WAY, binding, leg(), null, null,
        new PModeReceptionAwareness(ETriState.TRUE, ETriState.FALSE, 0, 0, ETriState.TRUE));
  }

  /** A resolver that knows this P-Mode only, and compares every value that phase4 hands it. */
  IAS4PModeResolver resolver() {
    PMode pmode = asPMode();
    return (id, claimedService, action, initiator, responder, claimedAgreement, ignored) -> {
      boolean same =
          service.equals(claimedService)
              && fromParty.equals(initiator)
              && toParty.equals(responder)
              && Objects.equals(agreement, claimedAgreement);
      return same ? pmode : null;
    };
  }

  private PModeLeg leg() {
    PModeLegBusinessInformation business =
        PModeLegBusinessInformation.create(service, ANY_ACTION, null, CAS4.DEFAULT_MPC_ID);
    PModeLegErrorHandling errors =
        new PModeLegErrorHandling(null, null, ETriState.TRUE, ETriState.TRUE, ETriState.TRUE, ETriState.TRUE);
    return new PModeLeg(new PModeLegProtocol(address, ESoapVersion.SOAP_12), business, errors, null, security());
  }

  private PModeLegSecurity security() {
    PModeLegSecurity security = new PModeLegSecurity();
    security.setWSSVersion(EWSSVersion.WSS_111);
    if (sign) {
      security.setX509SignatureAlgorithm(suite.signature());
      security.setX509SignatureHashFunction(ECryptoAlgorithmSignDigest.DIGEST_SHA_256);
    }
    if (encrypt) {
      security.setX509EncryptionAlgorithm(ECryptoAlgorithmCrypt.AES_128_GCM);
      security.setX509EncryptionMinimumStrength(MINIMUM_STRENGTH_BITS);
    }
    security.setPModeAuthorize(false);
    security.setSendReceipt(true);
    security.setSendReceiptNonRepudiation(true);
    security.setSendReceiptReplyPattern(EPModeSendReceiptReplyPattern.RESPONSE);
    return security;
  }
}
