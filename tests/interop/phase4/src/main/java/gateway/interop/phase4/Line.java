package gateway.interop.phase4;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One line of JSON: what the tests read. Values are text, numbers, truth values, lists, maps and null. */
final class Line {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private final Map<String, Object> facts = new LinkedHashMap<>();

  Line put(String name, Object value) {
    facts.put(name, value);
    return this;
  }

  Map<String, Object> facts() {
    return facts;
  }

  String text() {
    StringBuilder text = new StringBuilder();
    write(text, facts);
    return text.toString();
  }

  /** Written to `file`, appended, or to standard output when there is none. */
  void say(Path file) throws IOException {
    synchronized (OUT) {
      if (file == null) {
        OUT.println(text());
      } else {
        Files.writeString(file, text() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      }
    }
  }

  private static void write(StringBuilder text, Object value) {
    if (value == null || value instanceof Number || value instanceof Boolean) {
      text.append(value);
    } else if (value instanceof Map<?, ?> map) {
      char before = '{';
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        text.append(before);
        quote(text, entry.getKey().toString());
        text.append(':');
        write(text, entry.getValue());
        before = ',';
      }
      text.append(before == '{' ? "{}" : "}");
    } else if (value instanceof List<?> list) {
      char before = '[';
      for (Object each : list) {
        text.append(before);
        write(text, each);
        before = ',';
      }
      text.append(before == '[' ? "[]" : "]");
    } else {
      quote(text, value.toString());
    }
  }

  private static void quote(StringBuilder text, String value) {
    text.append('"');
    for (char each : value.toCharArray()) {
      if (each == '"' || each == '\\') {
        text.append('\\').append(each);
      } else if (each < ' ') {
        text.append(String.format("\\u%04x", (int) each));
      } else {
        text.append(each);
      }
    }
    text.append('"');
  }
}
