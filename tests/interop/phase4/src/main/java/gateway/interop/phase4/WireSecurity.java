package gateway.interop.phase4;

import com.helger.phase4.crypto.AS4CryptParams;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.crypto.AS4SigningParams;
import com.helger.phase4.crypto.ECryptoKeyIdentifierType;
import com.helger.phase4.crypto.IAS4CryptoFactory;
import java.security.cert.X509Certificate;
import java.util.List;

/**
 * The keys phase4 signs and decrypts with, and the certificates it believes.
 *
 * <p>Signing and encryption have stores of their own: a certificate of one purpose is not believed for the other.
 */
record WireSecurity(
    IAS4CryptoFactory forSigning,
    IAS4CryptoFactory forEncryption,
    List<X509Certificate> partnerSigning,
    X509Certificate partnerEncryption) {

  static WireSecurity load(Options options) throws Exception {
    List<X509Certificate> signing = Keys.partner(options, "sign");
    List<X509Certificate> encryption = Keys.partner(options, "encrypt");
    return new WireSecurity(
        crypto(Keys.own(options, "sign"), "sign", signing),
        crypto(Keys.own(options, "encrypt"), "encrypt", encryption),
        signing,
        encryption.get(0));
  }

  private static IAS4CryptoFactory crypto(Keys.Own own, String alias, List<X509Certificate> trusted)
      throws Exception {
    return new AS4CryptoFactoryInMemoryKeyStore(
        own.asKeyStore(alias), alias, Keys.IN_MEMORY, Keys.trusting(trusted));
  }

  /** The form in which phase4 names its signing certificate: `--sign-token`. */
  static void nameSigner(AS4SigningParams signing, Options options) {
    String form = options.or("sign-token", "bst");
    signing.setAlgorithmSign(Suite.from(options).signature());
    signing.setKeyIdentifierType(tokenForm(form));
    signing.setUseSingleCertificate(!form.equals("pkipath"));
  }

  /** The form in which phase4 names the certificate it encrypts for: `--encrypt-token`. */
  static void nameRecipient(AS4CryptParams encryption, Options options) {
    encryption.setKeyIdentifierType(tokenForm(options.or("encrypt-token", "bst")));
    Suite.from(options).establishKey(encryption);
  }

  private static ECryptoKeyIdentifierType tokenForm(String form) {
    switch (form) {
      case "bst":
      case "pkipath":
        return ECryptoKeyIdentifierType.BST_DIRECT_REFERENCE;
      case "issuer-serial":
        return ECryptoKeyIdentifierType.ISSUER_SERIAL;
      case "ski":
        return ECryptoKeyIdentifierType.SKI_KEY_IDENTIFIER;
      case "thumbprint":
        return ECryptoKeyIdentifierType.THUMBPRINT_IDENTIFIER;
      default:
        throw new Options.Misuse("unknown token form: " + form);
    }
  }
}
