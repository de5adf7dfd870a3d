package gateway.interop.phase4;

import java.security.Provider;
import java.security.Security;

import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * Brainpool curves for XML signatures: `--brainpool`.
 *
 * <p>The JDK has dropped them since version 16. Bouncy Castle has them, but XML Security for Java asks for ECDSA by a
 * name that only the JDK's provider offers. So that name leads to Bouncy Castle here.
 */
final class Brainpool extends Provider {
  private static final String ASKED_FOR = "SHA256withECDSAinP1363Format";
  private static final String OFFERED = "SHA256withPLAIN-ECDSA";

  private Brainpool(Provider bouncyCastle) {
    super("Brainpool", "1", "raw ECDSA signatures by Bouncy Castle");
    put("Signature." + ASKED_FOR, bouncyCastle.getService("Signature", OFFERED).getClassName());
  }

  static void install() {
    Provider bouncyCastle = new BouncyCastleProvider();
    Security.removeProvider(BouncyCastleProvider.PROVIDER_NAME);
    Security.insertProviderAt(bouncyCastle, 1);
    Security.insertProviderAt(new Brainpool(bouncyCastle), 1);
  }
}
