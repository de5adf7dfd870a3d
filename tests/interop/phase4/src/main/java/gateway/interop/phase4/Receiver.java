package gateway.interop.phase4;

import java.nio.file.Files;
import java.nio.file.Path;

import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;

import com.helger.collection.commons.CommonsArrayList;
import com.helger.http.EHttpMethod;
import com.helger.phase4.crypto.AS4CryptParams;
import com.helger.phase4.crypto.AS4SigningParams;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.AS4RequestHandler;
import com.helger.phase4.incoming.AS4ServerInitializer;
import com.helger.phase4.incoming.crypto.AS4IncomingSecurityConfiguration;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.servlet.AS4UnifiedResponse;
import com.helger.phase4.servlet.AS4XServletHandler;
import com.helger.phase4.servlet.IAS4ServletRequestHandlerCustomizer;
import com.helger.web.scope.IRequestWebScopeWithoutResponse;
import com.helger.xservlet.AbstractXServlet;

/** phase4's servlet on an HTTPS port that asks every client for its certificate. */
final class Receiver {
  private static final String PATH = "/as4";
  private static final long IDLE_MILLISECONDS = 120_000;

  private Receiver() {}

  /** Serves until the process is stopped; says the port on the first line. */
  static void serve(Options options) throws Exception {
    Server server = new Server();
    ServerConnector connector = connector(server, options);
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler("/");
    AS4ServerInitializer.initAS4Server();
    if (options.has("mpc")) {
      Channel.open(options);
    }
    context.addServlet(new ServletHolder(new Endpoint(new Wiring(options))), PATH);
    server.setHandler(context);
    server.start();
    new Line().put("event", "listening").put("port", connector.getLocalPort()).put("path", PATH).say(null);
    server.join();
  }

  private static ServerConnector connector(Server server, Options options) throws Exception {
    SslContextFactory.Server tls = new SslContextFactory.Server();
    tls.setSslContext(Tls.context(options));
    tls.setNeedClientAuth(true);
    tls.setIncludeProtocols(Tls.versions(options));
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    http.addCustomizer(new SecureRequestCustomizer(false));
    ServerConnector connector =
        new ServerConnector(server, new SslConnectionFactory(tls, "http/1.1"), new HttpConnectionFactory(http));
    connector.setHost(options.or("host", "127.0.0.1"));
    connector.setPort(options.number("port", 0));
    connector.setIdleTimeout(IDLE_MILLISECONDS);
    return connector;
  }

  private static final class Endpoint extends AbstractXServlet {
    Endpoint(Wiring wiring) {
      settings().setMultipartEnabled(false);
      AS4XServletHandler handler = new AS4XServletHandler();
      handler.setRequestHandlerCustomizer(wiring);
      handlerRegistry().registerHandler(EHttpMethod.POST, handler);
    }
  }

  /** Gives each request our P-Mode, our keys, our inbox and our dumps. */
  private static final class Wiring implements IAS4ServletRequestHandlerCustomizer {
    private final Options options;
    private final WireSecurity security;
    private final Agreed agreed;
    private final Inbox inbox;
    private final Path lines;
    private final Dump dump;

    Wiring(Options options) throws Exception {
      this.options = options;
      this.lines = options.path("log");
      this.security = WireSecurity.load(options);
      this.agreed = Agreed.from(options, null);
      Path store = options.path("store");
      if (store != null) {
        Files.createDirectories(store);
      }
      this.inbox = new Inbox(security, lines, store, options.has("hand-out"));
      this.dump = options.has("dump") ? new Dump(options.path("dump")) : null;
    }

    @Override
    public void customizeBeforeHandling(
        IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler request) {
      request.setCryptoFactorySign(security.forSigning());
      request.setCryptoFactoryCrypt(security.forEncryption());
      request.setPModeResolver(agreed.resolver());
      request.setIncomingProfileSelector(new AS4IncomingProfileSelectorConstant(null, false));
      request.setIncomingSecurityConfiguration(incomingSecurity());
      request.setProcessorSupplier(() -> new CommonsArrayList<IAS4IncomingMessageProcessorSPI>(inbox));
      request.setErrorConsumer((metadata, state, errors, message) -> Refusals.say(lines, state, message));
      request.setIncomingDumper(dump);
      request.setOutgoingDumper(dump);
    }

    @Override
    public void customizeAfterHandling(
        IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler request) {
      // Nothing is left to do.
    }

    private AS4IncomingSecurityConfiguration incomingSecurity() {
      AS4SigningParams signing = new AS4SigningParams();
      WireSecurity.nameSigner(signing, options);
      AS4CryptParams decryption = new AS4CryptParams();
      Suite.from(options).establishKey(decryption);
      return new AS4IncomingSecurityConfiguration().setSigningParams(signing).setCryptParams(decryption);
    }
  }
}
