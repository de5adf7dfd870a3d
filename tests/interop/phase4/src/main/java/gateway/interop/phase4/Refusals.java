package gateway.interop.phase4;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.helger.phase4.ebms3header.Ebms3Error;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.model.message.AS4ErrorMessage;

/** eb:Error elements in the words of the JSON lines. */
final class Refusals {
  private Refusals() {}

  static void say(Path lines, IAS4IncomingMessageState state, AS4ErrorMessage message) {
    try {
      new Line()
          .put("event", "refused")
          .put("message_id", state.getMessageID())
          .put("errors", described(message.getEbms3SignalMessage().getError()))
          .say(lines);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  static List<Object> described(List<Ebms3Error> errors) {
    List<Object> described = new ArrayList<>();
    for (Ebms3Error error : errors) {
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("code", error.getErrorCode());
      facts.put("severity", error.getSeverity());
      facts.put("short_description", error.getShortDescription());
      facts.put("description", error.getDescriptionValue());
      facts.put("detail", error.getErrorDetail());
      described.add(facts);
    }
    return described;
  }
}
