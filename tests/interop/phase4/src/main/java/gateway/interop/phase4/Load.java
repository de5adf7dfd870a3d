package gateway.interop.phase4;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;

/** Many messages over a fixed number of connections: the rate and how long each waited for its receipt. */
final class Load {
  private static final double NANOSECONDS_PER_SECOND = 1e9;
  private static final double NANOSECONDS_PER_MILLISECOND = 1e6;
  private static final int FAULTS_SHOWN = 5;

  private Load() {}

  private record Timed(Outcome outcome, long nanoseconds) {}

  static int run(int count, int concurrency, Callable<Outcome> one, LongSupplier sentBytes) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(concurrency);
    long began = System.nanoTime();
    List<Future<Timed>> running = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      running.add(threads.submit(() -> timed(one)));
    }
    List<Timed> done = new ArrayList<>();
    for (Future<Timed> each : running) {
      done.add(each.get());
    }
    double seconds = (System.nanoTime() - began) / NANOSECONDS_PER_SECOND;
    threads.shutdown();
    long accepted = done.stream().filter(each -> each.outcome().accepted()).count();
    described(done, accepted, seconds)
        .put("concurrency", concurrency)
        .put("sent_bytes", sentBytes.getAsLong())
        .say(null);
    return accepted == count ? 0 : 1;
  }

  private static Timed timed(Callable<Outcome> one) throws Exception {
    long began = System.nanoTime();
    Outcome outcome = one.call();
    return new Timed(outcome, System.nanoTime() - began);
  }

  private static Line described(List<Timed> done, long accepted, double seconds) {
    long[] sorted = done.stream().mapToLong(Timed::nanoseconds).sorted().toArray();
    List<Object> refused =
        done.stream()
            .filter(each -> !each.outcome().accepted())
            .limit(FAULTS_SHOWN)
            .map(each -> (Object) each.outcome().described().facts())
            .toList();
    return new Line()
        .put("event", "load")
        .put("count", done.size())
        .put("accepted", accepted)
        .put("seconds", seconds)
        .put("per_second", accepted / seconds)
        .put("p50_ms", percentile(sorted, 50))
        .put("p99_ms", percentile(sorted, 99))
        .put("max_ms", percentile(sorted, 100))
        .put("refused", refused);
  }

  private static double percentile(long[] sorted, int percent) {
    int rank = (int) Math.ceil(sorted.length * percent / 100.0) - 1;
    return sorted[Math.max(rank, 0)] / NANOSECONDS_PER_MILLISECOND;
  }
}
