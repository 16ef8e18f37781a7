import java.nio.file.Files;
import java.nio.file.Path;

/** A broker that formats its storage when it has none yet: one start of a JVM instead of two. */
public final class KafkaNode {
  /** Takes the file of settings, a file in the storage that tells that it was formatted, and the arguments of the format. */
  public static void main(String[] arguments) {
    if (!Files.exists(Path.of(arguments[1]))) {
      String[] format = java.util.Arrays.copyOfRange(arguments, 2, arguments.length);
      int code = kafka.tools.StorageTool.execute(format, System.out);
      if (code != 0) System.exit(code);
    }
    kafka.Kafka.main(new String[] {arguments[0]});
  }
}
