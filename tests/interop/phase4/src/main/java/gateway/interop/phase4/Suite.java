package gateway.interop.phase4;

import com.helger.phase4.crypto.AS4CryptParams;
import com.helger.phase4.crypto.ECryptoAlgorithmSign;

/** The algorithms of one profile, by the id that our P-Modes have for it: `--suite`. */
enum Suite {
  EDELIVERY_115("edelivery-as4-1.15", ECryptoAlgorithmSign.RSA_SHA_256),
  EDELIVERY_20("edelivery-as4-2.0", ECryptoAlgorithmSign.EDDSA_ED25519),
  EDELIVERY_20_ECC("edelivery-as4-2.0-ecc", ECryptoAlgorithmSign.ECDSA_SHA_256);

  private final String id;
  private final ECryptoAlgorithmSign signature;

  Suite(String id, ECryptoAlgorithmSign signature) {
    this.id = id;
    this.signature = signature;
  }

  static Suite from(Options options) {
    String wanted = options.or("suite", EDELIVERY_115.id);
    for (Suite suite : values()) {
      if (suite.id.equals(wanted)) {
        return suite;
      }
    }
    throw new Options.Misuse("unknown suite: " + wanted);
  }

  ECryptoAlgorithmSign signature() {
    return signature;
  }

  /** How the content key reaches the receiver; phase4's own default is the key transport of 1.15. */
  void establishKey(AS4CryptParams encryption) {
    switch (this) {
      case EDELIVERY_20:
        encryption.setEDelivery2KeyAgreementX25519();
        break;
      case EDELIVERY_20_ECC:
        encryption.setEDelivery2KeyAgreementECDHES();
        break;
      default:
        break;
    }
  }
}
