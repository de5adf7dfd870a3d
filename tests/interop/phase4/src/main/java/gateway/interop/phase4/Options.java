package gateway.interop.phase4;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The words of a command line: `--name value`, or a bare `--name` for the flags listed here. */
final class Options {
  private static final Set<String> FLAGS =
      Set.of(
          "without-signature", "without-encryption", "without-compression", "tamper", "tls12", "brainpool", "hand-out");

  private final Map<String, List<String>> values = new HashMap<>();

  /** Said when the command line cannot be followed. */
  static final class Misuse extends RuntimeException {
    Misuse(String sentence) {
      super(sentence);
    }
  }

  private Options() {}

  static Options parse(String[] words) {
    Options options = new Options();
    int at = 1;
    while (at < words.length) {
      if (!words[at].startsWith("--")) {
        throw new Misuse("not an option: " + words[at]);
      }
      String name = words[at].substring(2);
      boolean flag = FLAGS.contains(name);
      if (!flag && at + 1 == words.length) {
        throw new Misuse("--" + name + " needs a value");
      }
      options.values.computeIfAbsent(name, key -> new ArrayList<>()).add(flag ? "" : words[at + 1]);
      at += flag ? 1 : 2;
    }
    return options;
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }

  String or(String name, String otherwise) {
    List<String> given = all(name);
    return given.isEmpty() ? otherwise : given.get(given.size() - 1);
  }

  String need(String name) {
    String given = or(name, null);
    if (given == null) {
      throw new Misuse("--" + name + " is missing");
    }
    return given;
  }

  int number(String name, int otherwise) {
    return Integer.parseInt(or(name, Integer.toString(otherwise)));
  }

  Path path(String name) {
    String given = or(name, null);
    return given == null ? null : Path.of(given);
  }
}
