import com.publisher.v1.BulkUpsertMembersRequest;
import com.publisher.v1.Filter;
import com.publisher.v1.ImportMembersRequest;
import com.publisher.v1.ImportMembersResponse;
import com.publisher.v1.ImportOptions;
import com.publisher.v1.ListMembersRequest;
import com.publisher.v1.ListMembersResponse;
import com.publisher.v1.Member;
import com.publisher.v1.MemberInput;
import com.publisher.v1.MemberResult;
import com.publisher.v1.MemberServiceGrpc;
import com.publisher.v1.Pagination;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.io.File;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;

/** A client of memberbase with retries, deadlines, pages and imports; docs/clients/java.md quotes it. */
final class Members {
  /** Calls that the library sends again, with the same message and so with the same request id. */
  private static final Map<String, ?> RETRIES =
      Map.of("methodConfig", List.of(Map.of(
          "name", List.of(
              Map.of("service", "publisher.v1.MemberService"), Map.of("service", "publisher.v1.MemberBaseService")),
          // Numbers must be of the type double.
          "retryPolicy", Map.of(
              "maxAttempts", 5.0, "initialBackoff", "0.2s", "maxBackoff", "5s", "backoffMultiplier", 2.0,
              "retryableStatusCodes", List.of("UNAVAILABLE", "RESOURCE_EXHAUSTED")))));

  private static final int LARGEST_MESSAGE = 32 << 20;
  private static final int DEADLINE_SECONDS = 30;

  /** A connection with TLS. Threads may share it. */
  static ManagedChannel connect(String host, int port, File authority) throws SSLException {
    return NettyChannelBuilder.forAddress(host, port)
        .sslContext(GrpcSslContexts.forClient().trustManager(authority).build())
        .defaultServiceConfig(RETRIES)
        .enableRetry()
        // By default replies over 4 MiB are refused, and messages over 1 MiB are not sent again.
        .maxInboundMessageSize(LARGEST_MESSAGE)
        .perRpcBufferLimit(LARGEST_MESSAGE)
        // A connection without an answer is noticed after 40 s.
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .build();
  }

  /** Adds the token to the calls of a stub: `stub.withCallCredentials(bearer(token))`. */
  static CallCredentials bearer(String token) {
    Metadata.Key<String> key = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    Metadata metadata = new Metadata();
    metadata.put(key, "Bearer " + token);
    return new CallCredentials() {
      @Override
      public void applyRequestMetadata(RequestInfo info, Executor executor, MetadataApplier applier) {
        applier.apply(metadata);
      }

      @Override
      public void thisUsesUnstableApi() {}
    };
  }

  /** Writes rows, and returns the failed ones. The request id makes it safe to send the call again. */
  static List<MemberResult> upsert(
      MemberServiceGrpc.MemberServiceBlockingStub members, String base, String requestId, List<MemberInput> rows) {
    BulkUpsertMembersRequest request = BulkUpsertMembersRequest.newBuilder()
        .setMemberBaseId(base).addAllMembers(rows).setRequestId(requestId).build();
    List<MemberResult> failed = new ArrayList<>();
    // A deadline is a moment: set it for each call, not once for the stub.
    members.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).bulkUpsertMembers(request).getResultsList()
        .forEach(result -> { if (result.hasError()) failed.add(result); });
    return failed;
  }

  /** All members that match. A page may be short, even empty: only `more` says whether it is the last. */
  static void everyMember(
      MemberServiceGrpc.MemberServiceBlockingStub members, String base, List<Filter> filters, Consumer<Member> each) {
    Pagination.Builder page = Pagination.newBuilder().setLimit(5_000);
    while (true) {
      ListMembersRequest request = ListMembersRequest.newBuilder()
          .setMemberBaseId(base).addAllFilters(filters).setPagination(page).build();
      ListMembersResponse reply =
          members.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).listMembers(request);
      reply.getMembersList().forEach(each);
      if (!reply.getPage().getMore()) return;
      page.setCursor(reply.getPage().getCursor());
    }
  }

  /** The codes with which a lost connection ends a stream, also if a proxy has cut it. */
  private static final Set<Status.Code> LOST = EnumSet.of(
      Status.Code.UNAVAILABLE, Status.Code.CANCELLED, Status.Code.INTERNAL, Status.Code.UNKNOWN,
      Status.Code.RESOURCE_EXHAUSTED, Status.Code.DEADLINE_EXCEEDED);
  /** Without a reply in between. */
  private static final int TRIES = 20;
  private static final int ROWS_OF_CHUNK = 1_000;
  private static final int CHUNKS_ON_THE_WAY = 8;

  /**
   * Sends any number of rows, over as many connections as it takes, and calls `each` with the reply to each
   * chunk.
   *
   * <p>The server applies each chunk of an import id once. To go on after a crash of this client, call it
   * with the same id and the same rows.
   */
  static void importRows(
      MemberServiceGrpc.MemberServiceStub members, String base, String importId, Iterator<MemberInput> rows,
      Consumer<ImportMembersResponse> each) throws InterruptedException {
    ImportMembersRequest options = ImportMembersRequest.newBuilder()
        .setOptions(ImportOptions.newBuilder().setMemberBaseId(base).setImportId(importId)).build();
    Deque<ImportMembersRequest> unanswered = new ArrayDeque<>();
    long numbered = 0;
    for (int failures = 0; ; ) {
      // Replies, and at last the status with which the stream ended.
      BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
      StreamObserver<ImportMembersRequest> requests = members.importMembers(new StreamObserver<>() {
        @Override
        public void onNext(ImportMembersResponse reply) {
          arrived.add(reply);
        }

        @Override
        public void onError(Throwable error) {
          arrived.add(Status.fromThrowable(error));
        }

        @Override
        public void onCompleted() {
          arrived.add(Status.UNAVAILABLE.withDescription("the server ended the stream"));
        }
      });
      requests.onNext(options);
      unanswered.forEach(requests::onNext);
      Status ended = null;
      while (ended == null) {
        while (rows.hasNext() && unanswered.size() < CHUNKS_ON_THE_WAY) {
          ImportMembersRequest.Builder chunk = ImportMembersRequest.newBuilder().setChunk(++numbered);
          while (rows.hasNext() && chunk.getMembersCount() < ROWS_OF_CHUNK) chunk.addMembers(rows.next());
          unanswered.add(chunk.build());
          requests.onNext(unanswered.getLast());
        }
        if (unanswered.isEmpty()) {
          requests.onCompleted();
          return;
        }
        Object next = arrived.take();
        if (next instanceof ImportMembersResponse) {
          unanswered.remove();
          failures = 0;
          each.accept((ImportMembersResponse) next);
        } else {
          ended = (Status) next;
        }
      }
      if (!LOST.contains(ended.getCode()) || ++failures == TRIES) throw ended.asRuntimeException();
      Thread.sleep(500L * failures);
    }
  }
}
