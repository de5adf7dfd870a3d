package gateway.interop.phase4;

import java.time.OffsetDateTime;
import java.util.UUID;

import com.helger.annotation.style.IsSPIImplementation;
import com.helger.datetime.xml.XMLOffsetDateTime;
import com.helger.phase4.CAS4;
import com.helger.phase4.ebms3header.Ebms3AgreementRef;
import com.helger.phase4.ebms3header.Ebms3CollaborationInfo;
import com.helger.phase4.ebms3header.Ebms3From;
import com.helger.phase4.ebms3header.Ebms3MessageInfo;
import com.helger.phase4.ebms3header.Ebms3PartyId;
import com.helger.phase4.ebms3header.Ebms3PartyInfo;
import com.helger.phase4.ebms3header.Ebms3Service;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3To;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.incoming.spi.IAS4IncomingPullRequestProcessorSPI;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.model.mpc.MPC;
import com.helger.phase4.model.pmode.IPMode;

/**
 * The one channel from which the partner may pull: `--mpc`. It is empty, or gives out one message with `--hand-out`:
 * phase4 4.4.1 neither signs nor encrypts what is pulled from it and sends no part with it, so nobody may take that.
 */
@IsSPIImplementation
public final class Channel implements IAS4IncomingPullRequestProcessorSPI {
  private static volatile Agreed agreed;
  private static volatile String mpc;

  static void open(Options options) {
    mpc = options.need("mpc");
    agreed = Agreed.from(options, null);
    MetaAS4Manager.getMPCMgr().createMPC(new MPC(mpc));
  }

  @Override
  public IPMode findPMode(Ebms3SignalMessage signal) {
    return signal.getPullRequest().getMpc().equals(mpc) ? agreed.asPulled() : null;
  }

  /** A message that says all it must, and is what `--hand-out` gives. */
  static Ebms3UserMessage waiting() {
    Ebms3MessageInfo info = new Ebms3MessageInfo();
    info.setMessageId(UUID.randomUUID() + "@phase4.example");
    info.setTimestamp(XMLOffsetDateTime.of(OffsetDateTime.now()));
    Ebms3From from = new Ebms3From();
    from.addPartyId(party(agreed.toParty()));
    from.setRole(CAS4.DEFAULT_INITIATOR_URL);
    Ebms3To to = new Ebms3To();
    to.addPartyId(party(agreed.fromParty()));
    to.setRole(CAS4.DEFAULT_RESPONDER_URL);
    Ebms3PartyInfo parties = new Ebms3PartyInfo();
    parties.setFrom(from);
    parties.setTo(to);
    Ebms3Service service = new Ebms3Service();
    service.setValue(agreed.service());
    Ebms3AgreementRef agreement = new Ebms3AgreementRef();
    agreement.setValue(agreed.agreement());
    Ebms3CollaborationInfo collaboration = new Ebms3CollaborationInfo();
    collaboration.setAgreementRef(agreement);
    collaboration.setService(service);
    collaboration.setAction("ContactCheck");
    collaboration.setConversationId(info.getMessageId());
    Ebms3UserMessage message = new Ebms3UserMessage();
    message.setMpc(mpc);
    message.setMessageInfo(info);
    message.setPartyInfo(parties);
    message.setCollaborationInfo(collaboration);
    return message;
  }

  private static Ebms3PartyId party(String id) {
    Ebms3PartyId party = new Ebms3PartyId();
    party.setType(Agreed.PARTY_TYPE);
    party.setValue(id);
    return party;
  }
}
