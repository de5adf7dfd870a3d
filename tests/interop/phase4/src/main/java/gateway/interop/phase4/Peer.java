package gateway.interop.phase4;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.stream.Stream;

import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.slf4j.bridge.SLF4JBridgeHandler;

import com.helger.servlet.mock.MockServletContext;
import com.helger.web.scope.mgr.WebScopeManager;

/**
 * The command line: `receive` serves AS4 over mutual TLS, `send` sends one message or many, `send-each` sends one for
 * every line of standard input, `pull` asks for one message, `verify-each` has WSS4J alone read a message for every line.
 */
public final class Peer {
  private static final String USAGE =
      "usage: phase4-peer receive|send|send-each|pull|verify-each [options], see tests/interop/README.md";
  private static final int MISUSED = 2;

  private Peer() {}

  public static void main(String[] words) throws Exception {
    if (words.length == 0) {
      System.err.println(USAGE);
      System.exit(MISUSED);
    }
    SLF4JBridgeHandler.removeHandlersForRootLogger();
    SLF4JBridgeHandler.install();
    Security.addProvider(new BouncyCastleProvider());
    try {
      System.exit(run(words));
    } catch (Options.Misuse misuse) {
      System.err.println(misuse.getMessage());
      System.exit(MISUSED);
    }
  }

  private static int run(String[] words) throws Exception {
    // phase4 keeps its global state in a scope; outside a servlet container it is ours to open.
    WebScopeManager.onGlobalBegin(MockServletContext.create());
    Options options = Options.parse(words);
    if (options.has("brainpool")) {
      Brainpool.install();
    }
    switch (words[0]) {
      case "receive":
        Receiver.serve(options);
        return 0;
      case "send":
        return Sending.run(options);
      case "send-each":
        return forEachLine(words, Sending::run);
      case "pull":
        return PullingOne.run(options);
      case "verify-each":
        return forEachLine(words, Verifier::run);
      default:
        throw new Options.Misuse(USAGE);
    }
  }

  /** Something to do with the options. */
  private interface Order {
    int follow(Options options) throws Exception;
  }

  /** Follows the order for every line of standard input, which adds its tab-separated words to the command line's. */
  private static int forEachLine(String[] words, Order order) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Stream<String> all = Stream.concat(Stream.of(words), Stream.of(line.split("\t")));
      order.follow(Options.parse(all.toArray(String[]::new)));
    }
    return 0;
  }
}
