import com.publisher.v1.CreateMemberBaseRequest;
import com.publisher.v1.MemberBaseServiceGrpc;
import com.publisher.v1.MemberInput;
import com.publisher.v1.MemberResult;
import com.publisher.v1.MemberServiceGrpc;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import java.io.File;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;

/**
 * Runs the recipe: ADDRESS TOKEN AUTHORITY FOLDER. In the middle of the import it creates FOLDER/half, and goes
 * on once FOLDER/again is there: meanwhile the server is killed and started again.
 */
final class Run {
  private static final int ROWS = 20_000;

  public static void main(String[] arguments) throws Exception {
    String[] address = arguments[0].split(":");
    File folder = new File(arguments[3]);
    ManagedChannel channel = Members.connect(address[0], Integer.parseInt(address[1]), new File(arguments[2]));
    CallCredentials bearer = Members.bearer(arguments[1]);
    var members = MemberServiceGrpc.newBlockingStub(channel).withCallCredentials(bearer);
    String base = MemberBaseServiceGrpc.newBlockingStub(channel).withCallCredentials(bearer)
        .createMemberBase(CreateMemberBaseRequest.newBuilder().setName("java recipe").build()).getMemberBase().getId();

    List<MemberInput> two = List.of(
        MemberInput.newBuilder().setRef("one").build(),
        MemberInput.newBuilder().setRef("two").setEmail("no address").build());
    List<MemberResult> failed = Members.upsert(members, base, UUID.randomUUID().toString(), two);
    same("failed", failed.size(), 1);
    same("field", failed.get(0).getError().getViolations(0).getField(), "email");

    long[] seen = new long[3];
    Iterator<MemberInput> rows = new Iterator<>() {
      private int sent = 0;

      @Override
      public boolean hasNext() {
        return sent < ROWS;
      }

      @Override
      public MemberInput next() {
        if (sent == ROWS / 2) pause(folder);
        return MemberInput.newBuilder().setRef("r" + ++sent).build();
      }
    };
    Members.importRows(
        MemberServiceGrpc.newStub(channel).withCallCredentials(bearer), base, UUID.randomUUID().toString(), rows,
        reply -> {
          same("chunk", reply.getChunk(), ++seen[0]);
          seen[1] += reply.getCounts().getCreated();
        });
    same("imported", seen[1], (long) ROWS);
    Members.everyMember(members, base, List.of(), member -> seen[2]++);
    same("listed", seen[2], ROWS + 1L);
    channel.shutdownNow();
    System.out.println("java recipe: ok");
  }

  private static void pause(File folder) {
    try {
      new File(folder, "half").createNewFile();
      while (!new File(folder, "again").exists()) Thread.sleep(50);
    } catch (IOException | InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private static void same(String what, Object found, Object expected) {
    if (!found.equals(expected)) throw new AssertionError(what + ": found " + found + ", expected " + expected);
  }
}
