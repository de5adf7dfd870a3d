package gateway.interop.phase4;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.messaging.http.HttpRetrySettings;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.model.mpc.MPC;
import com.helger.phase4.sender.AS4Sender;

/** Sends one signed PullRequest with phase4's own client, and says what it verified in the answer. */
final class PullingOne {
  private final Options options;
  private final WireSecurity security;
  private final List<Object> faults = new ArrayList<>();
  private final Line line = new Line().put("event", "pulled");

  private PullingOne(Options options) throws Exception {
    this.options = options;
    this.security = WireSecurity.load(options);
  }

  /** 0 when a message came that is fully signed by the partner and encrypted. */
  static int run(Options options) throws Exception {
    return new PullingOne(options).pull();
  }

  private int pull() throws Exception {
    Agreed agreed = Agreed.from(options, options.need("url"));
    MetaAS4Manager.getMPCMgr().createMPC(new MPC(options.need("mpc"))); // phase4 takes none that it was not told
    String requestId = UUID.randomUUID() + "@phase4.example";
    try {
      AS4Sender.builderPullRequest()
          .as4ProfileID("edelivery-as4-1.15")
          .incomingProfileSelector(new AS4IncomingProfileSelectorConstant(null, false))
          .pmodeResolver(agreed.resolver())
          .pmode(agreed.asPMode())
          .customHttpPoster(new Wire(options, 1))
          .httpRetrySettings(new HttpRetrySettings().setMaxRetries(0))
          .endpointURL(agreed.address())
          .messageID(requestId)
          .mpc(options.need("mpc"))
          .cryptoFactorySign(security.forSigning())
          .cryptoFactoryCrypt(security.forEncryption())
          .withSigningParams(signing -> WireSecurity.nameSigner(signing, options))
          .userMsgConsumer((message, metadata, state) -> taken(message, state))
          .signalMsgConsumer((signal, metadata, state) -> told(signal))
          .sendMessage();
    } catch (Exception failure) {
      faults.add(String.valueOf(failure));
    }
    line.put("request_id", requestId).put("faults", faults).say(null);
    return faults.isEmpty() ? 0 : 1;
  }

  private void told(Ebms3SignalMessage signal) {
    line.put("ref_to_message_id", signal.getMessageInfo().getRefToMessageId());
    line.put("errors", Refusals.described(signal.getError()));
  }

  private void taken(Ebms3UserMessage message, IAS4IncomingMessageState state) {
    Set<String> contentIds = new LinkedHashSet<>();
    if (message.getPayloadInfo() != null) {
      message.getPayloadInfo().getPartInfo().forEach(
          part -> contentIds.add(part.getHref().replaceFirst("^cid:", "")));
    }
    faults.addAll(Coverage.signatureFaults(state, security, contentIds));
    faults.addAll(Coverage.encryptionFaults(state, contentIds));
    line.put("message_id", message.getMessageInfo().getMessageId());
    line.put("mpc", message.getMpc());
    line.put("parts", contentIds.size());
  }
}
