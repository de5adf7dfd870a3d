package gateway.interop.phase4;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;

/** TLS with our certificate, trusting only the partner's. */
final class Tls {
  private Tls() {}

  static SSLContext context(Options options) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(Keys.own(options, "tls").asKeyStore("tls"), Keys.IN_MEMORY);
    TrustManager[] trust = {new Pinned(Keys.partner(options, "tls"))};
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust, null);
    return context;
  }

  static String[] versions(Options options) {
    return options.has("tls12") ? new String[] {"TLSv1.2", "TLSv1.3"} : new String[] {"TLSv1.3"};
  }
}
