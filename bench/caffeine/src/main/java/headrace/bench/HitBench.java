package headrace.bench;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * What bench/hit_bench.cc does, to Caffeine: the same keys, drawn in the same order (by the program
 * `draws`, whose files the property headrace.draws names), 100-byte values, room for all of them,
 * and an hour to live, so that each read checks the time as ours does.
 */
public class HitBench {
  private static final int KEYS = 1_000_000;
  private static final int VALUE_BYTES = 100;

  @State(Scope.Benchmark)
  public static class Filled {
    Cache<String, byte[]> cache;
    final String[] keys = new String[KEYS];

    @Setup
    public void fill() {
      cache = Caffeine.newBuilder()
          .initialCapacity(KEYS)
          .maximumSize(KEYS)
          .expireAfterWrite(1, TimeUnit.HOURS)
          .build();
      for (int i = 0; i < KEYS; i++) {
        keys[i] = String.format("user:%019d", i * 2654435761L);
        byte[] value = new byte[VALUE_BYTES];
        value[0] = 'v';
        cache.put(keys[i], value);
      }
      cache.cleanUp();
      if (cache.estimatedSize() != KEYS) {
        throw new IllegalStateException("not every key has been kept: " + cache.estimatedSize());
      }
    }
  }

  @State(Scope.Thread)
  public static class Reader {
    int[] order;
    int at;

    @Setup
    public void read(ThreadParams thread) throws IOException {
      String[] files = System.getProperty("headrace.draws", "").split(",");
      if (files.length != 2) {
        throw new IllegalStateException("headrace.draws must name two files of draws");
      }
      byte[] raw = Files.readAllBytes(Path.of(files[thread.getThreadIndex() & 1]));
      IntBuffer drawn = ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
      order = new int[drawn.remaining()];
      drawn.get(order);
      if (Integer.bitCount(order.length) != 1) {
        throw new IllegalStateException("the number of draws must be a power of two");
      }
    }
  }

  @Benchmark
  public byte hit(Filled filled, Reader reader) {
    byte[] value = filled.cache.getIfPresent(filled.keys[reader.order[reader.at]]);
    reader.at = (reader.at + 1) & (reader.order.length - 1);
    return value[0];
  }
}
