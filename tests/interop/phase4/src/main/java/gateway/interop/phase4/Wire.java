package gateway.interop.phase4;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.HostnameVerificationPolicy;
import org.apache.hc.client5.http.ssl.HttpsSupport;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.HttpClientResponseHandler;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.reactor.ssl.SSLBufferMode;
import org.apache.hc.core5.util.Timeout;

import com.helger.http.header.HttpHeaderMap;
import com.helger.phase4.messaging.http.BasicHttpPoster;

/**
 * phase4's way to the network over connections that stay open, where its own opens one for each message.
 *
 * <p>Counts the octets of the last request, writes them to a file when asked to, and can damage one of them on the way.
 */
final class Wire extends BasicHttpPoster {
  private static final int RESPONSE_SECONDS = 120;

  private final CloseableHttpClient client;
  private final Path dump;
  private final boolean tamper;
  private final AtomicLong sentBytes = new AtomicLong();

  Wire(Options options, int connections) throws Exception {
    this.dump = options.path("dump");
    this.tamper = options.has("tamper");
    var pool =
        PoolingHttpClientConnectionManagerBuilder.create()
            .setTlsSocketStrategy(new DefaultClientTlsStrategy(
                Tls.context(options), Tls.versions(options), null, SSLBufferMode.STATIC,
                HostnameVerificationPolicy.CLIENT, HttpsSupport.getDefaultHostnameVerifier()))
            .setMaxConnPerRoute(connections)
            .setMaxConnTotal(connections)
            .build();
    RequestConfig limits =
        RequestConfig.custom().setResponseTimeout(Timeout.of(RESPONSE_SECONDS, TimeUnit.SECONDS)).build();
    this.client =
        HttpClients.custom()
            .setConnectionManager(pool)
            .setDefaultRequestConfig(limits)
            .disableAutomaticRetries()
            .disableContentCompression()
            .disableRedirectHandling()
            .build();
  }

  long sentBytes() {
    return sentBytes.get();
  }

  @Override
  public <T> T sendGenericMessage(
      String url, HttpHeaderMap headers, HttpEntity entity, HttpClientResponseHandler<? extends T> response)
      throws IOException {
    HttpPost post = new HttpPost(url);
    if (headers != null) {
      headers.forEachSingleHeader(post::addHeader, true, false);
    }
    byte[] octets = octets(entity);
    sentBytes.addAndGet(octets.length);
    if (dump != null) {
      keep(post, entity, octets);
    }
    if (tamper) {
      damage(octets);
    }
    // phase4 does not know the length of a MIME message beforehand, and so sends it in chunks.
    boolean chunked = entity.getContentLength() < 0;
    post.setEntity(new ByteArrayEntity(octets, ContentType.parse(entity.getContentType()), chunked));
    return client.execute(post, response);
  }

  private static byte[] octets(HttpEntity entity) throws IOException {
    ByteArrayOutputStream octets = new ByteArrayOutputStream();
    entity.writeTo(octets);
    return octets.toByteArray();
  }

  private void keep(HttpPost post, HttpEntity entity, byte[] octets) throws IOException {
    StringBuilder headers = new StringBuilder("Content-Type: " + entity.getContentType() + "\n");
    for (var header : post.getHeaders()) {
      headers.append(header.getName()).append(": ").append(header.getValue()).append('\n');
    }
    Files.write(dump, octets);
    Files.writeString(Path.of(dump + ".headers"), headers);
  }

  /** Changes the first letter of the conversation id, which is signed and decides nothing before the signature does. */
  private static void damage(byte[] octets) {
    int at = octets.length / 2;
    byte[] mark = "<eb:ConversationId>".getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i + mark.length < octets.length; i++) {
      if (Arrays.equals(octets, i, i + mark.length, mark, 0, mark.length)) {
        at = i + mark.length;
        break;
      }
    }
    octets[at] ^= 1;
  }
}
