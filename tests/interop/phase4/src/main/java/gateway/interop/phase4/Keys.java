package gateway.interop.phase4;

import java.io.InputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/**
 * Private keys and certificates from PEM or PKCS#12 files.
 *
 * <p>Each purpose (sign, encrypt, tls) has its own key: `--PURPOSE-key` with `--PURPOSE-cert`, or `--PURPOSE-p12`,
 * or the folder `--keys` with PURPOSE.key.pem and PURPOSE.cert.pem. The partner's certificates: `--partner-PURPOSE`,
 * or the folder `--partner` with PURPOSE.cert.pem.
 */
final class Keys {
  static final char[] IN_MEMORY = "in memory only".toCharArray();

  private Keys() {}

  /** One private key with its certificate first in the chain. */
  record Own(PrivateKey key, List<X509Certificate> chain) {
    X509Certificate certificate() {
      return chain.get(0);
    }

    KeyStore asKeyStore(String alias) throws Exception {
      KeyStore store = emptyStore();
      store.setKeyEntry(alias, key, IN_MEMORY, chain.toArray(X509Certificate[]::new));
      return store;
    }
  }

  static Own own(Options options, String purpose) throws Exception {
    Path pkcs12 = options.path(purpose + "-p12");
    if (pkcs12 != null) {
      return fromPkcs12(pkcs12, options.or("password", "").toCharArray());
    }
    Path key = given(options, purpose + "-key", "keys", purpose + ".key.pem");
    Path certificate = given(options, purpose + "-cert", "keys", purpose + ".cert.pem");
    return new Own(privateKey(key), certificates(certificate));
  }

  static List<X509Certificate> partner(Options options, String purpose) throws Exception {
    return certificates(given(options, "partner-" + purpose, "partner", purpose + ".cert.pem"));
  }

  /** What certificate paths may end in besides the partner's own certificate: `--anchor`, one or more. */
  static List<X509Certificate> anchors(Options options) throws Exception {
    List<X509Certificate> found = new ArrayList<>();
    for (String file : options.all("anchor")) {
      found.addAll(certificates(Path.of(file)));
    }
    return found;
  }

  static KeyStore trusting(List<X509Certificate> certificates) throws Exception {
    KeyStore store = emptyStore();
    for (int i = 0; i < certificates.size(); i++) {
      store.setCertificateEntry("partner-" + i, certificates.get(i));
    }
    return store;
  }

  private static Path given(Options options, String single, String folder, String name) {
    Path file = options.path(single);
    return file != null ? file : Path.of(options.need(folder)).resolve(name);
  }

  private static KeyStore emptyStore() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, IN_MEMORY);
    return store;
  }

  private static Own fromPkcs12(Path file, char[] password) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream octets = Files.newInputStream(file)) {
      store.load(octets, password);
    }
    for (String alias : Collections.list(store.aliases())) {
      if (store.isKeyEntry(alias)) {
        List<X509Certificate> chain = new ArrayList<>();
        for (var certificate : store.getCertificateChain(alias)) {
          chain.add((X509Certificate) certificate);
        }
        return new Own((PrivateKey) store.getKey(alias, password), chain);
      }
    }
    throw new GeneralSecurityException("no private key in " + file);
  }

  private static PrivateKey privateKey(Path file) throws Exception {
    try (Reader text = Files.newBufferedReader(file);
        PEMParser parser = new PEMParser(text)) {
      Object found = parser.readObject();
      JcaPEMKeyConverter converter = new JcaPEMKeyConverter();
      if (found instanceof PEMKeyPair pair) {
        return converter.getPrivateKey(pair.getPrivateKeyInfo());
      }
      if (found instanceof PrivateKeyInfo info) {
        return converter.getPrivateKey(info);
      }
      throw new GeneralSecurityException("no private key in " + file);
    }
  }

  private static List<X509Certificate> certificates(Path file) throws Exception {
    List<X509Certificate> found = new ArrayList<>();
    try (InputStream octets = Files.newInputStream(file)) {
      for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(octets)) {
        found.add((X509Certificate) certificate);
      }
    }
    if (found.isEmpty()) {
      throw new GeneralSecurityException("no certificate in " + file);
    }
    return found;
  }
}
