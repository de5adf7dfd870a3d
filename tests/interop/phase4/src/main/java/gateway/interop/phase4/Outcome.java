package gateway.interop.phase4;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.sender.EAS4UserMessageSendResult;
import com.helger.phase4.incoming.IAS4SignalMessageConsumer;
import com.helger.phase4.sender.IAS4SignalMessageValidationResultHandler;

/**
 * What came back for one message. phase4 calls any receipt a success, so this asks for more: its NRI digests were
 * found equal to those sent, it is signed by the partner over Messaging and Body, and it refers to the message.
 */
final class Outcome implements IAS4SignalMessageConsumer, IAS4SignalMessageValidationResultHandler {
  private final String messageId;
  private final WireSecurity security;
  private final List<String> faults = new ArrayList<>();
  private List<Object> errors = List.of();
  private String receiptId;
  private boolean digestsEqual;
  private EAS4UserMessageSendResult result;

  Outcome(String messageId, WireSecurity security) {
    this.messageId = messageId;
    this.security = security;
  }

  @Override
  public void onSuccess() {
    digestsEqual = true;
  }

  @Override
  public void onError(String sentence) {
    faults.add(sentence);
  }

  @Override
  public void onNotApplicable() {
    faults.add("there is no NonRepudiationInformation to compare");
  }

  @Override
  public void handleSignalMessage(
      Ebms3SignalMessage signal, IAS4IncomingMessageMetadata metadata, IAS4IncomingMessageState state) {
    errors = Refusals.described(signal.getError());
    if (signal.getReceipt() == null) {
      return;
    }
    receiptId = signal.getMessageInfo().getMessageId();
    faults.addAll(Coverage.signatureFaults(state, security, Set.of()));
    if (!messageId.equals(signal.getMessageInfo().getRefToMessageId())) {
      faults.add("the receipt refers to another message");
    }
  }

  void settled(EAS4UserMessageSendResult phase4Result) {
    result = phase4Result;
  }

  void failed(String sentence) {
    faults.add(sentence);
  }

  boolean accepted() {
    return result != null
        && result.isSuccess()
        && receiptId != null
        && digestsEqual
        && faults.isEmpty()
        && errors.isEmpty();
  }

  Line described() {
    return new Line()
        .put("event", "sent")
        .put("message_id", messageId)
        .put("accepted", accepted())
        .put("result", result == null ? null : result.getID())
        .put("receipt_id", receiptId)
        .put("digests_equal", digestsEqual)
        .put("errors", errors)
        .put("faults", List.copyOf(faults));
  }
}
