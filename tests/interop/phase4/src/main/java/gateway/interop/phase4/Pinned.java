package gateway.interop.phase4;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;

import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Believes a TLS peer that shows one of the pinned certificates, and nobody else.
 *
 * <p>It names no accepted issuers: Java's own trust manager would put the pinned certificates themselves into the
 * certificate_authorities of the CertificateRequest, and a Java client, whose issuer is not among them, then shows
 * none.
 */
final class Pinned extends X509ExtendedTrustManager {
  private final List<X509Certificate> pinned;

  Pinned(List<X509Certificate> pinned) {
    this.pinned = pinned;
  }

  private void check(X509Certificate[] chain) throws CertificateException {
    chain[0].checkValidity();
    if (!pinned.contains(chain[0])) {
      throw new CertificateException("not the partner's certificate: " + chain[0].getSubjectX500Principal());
    }
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
    check(chain);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
    check(chain);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) throws CertificateException {
    check(chain);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) throws CertificateException {
    check(chain);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) throws CertificateException {
    check(chain);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) throws CertificateException {
    check(chain);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }
}
