/* A client over HTTP/2 without TLS that sends requests prepared beforehand, and checks each reply.

   h2 PORT PATH REQUESTS [--connections 4] [--in-flight 64] [--seconds 5 | --once] [--from 0] [--json]
                         [--stream] [--unanswered 0]

   REQUESTS is a file of gRPC messages, each with its prefix of five bytes. They are sent one after the other
   from number --from on, in a circle until the seconds are over, or each of them once. With --json a message
   is sent without its prefix, as a body of JSON.

   A unary call succeeds if its status is 200 and its grpc-status 0: h2load looks at the first only, and has one
   body for all requests. With --stream each connection has one call with many messages, each of which has one
   reply, except for the first --unanswered; latencies then assume that replies have the order of the messages.

   One thread. Replies are counted and not decoded. Prints one line of JSON. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define WINDOW (64 << 20)
#define OUT (256 << 10)

struct connection;

/* A call. `sent` counts bytes of the present message. */
struct stream {
  struct connection *connection;
  const struct message *message;
  size_t sent;
  double began;
  int http_ok, grpc_ok;
  struct stream *next_free;
};

struct connection {
  int fd;
  nghttp2_session *session;
  struct stream *free;
  uint8_t out[OUT];
  size_t out_from, out_to;
  /* Of the one call with many messages: when those without a reply were sent, and where its replies are. */
  double *began;
  long sent, answered, skipped;
  int32_t id;
  int deferred, ended, closed;
  uint8_t prefix[5];
  unsigned prefix_have;
  size_t reply_left;
};

static struct messages requests;
static const char *path, *authority;
static int json, streaming, once;
static long in_flight_each, unanswered, next_request, left, running, replies_bytes;
static double until;
static struct results results;

static const struct message *take(void) {
  if (once ? left == 0 : now() >= until) return NULL;
  if (once) left--;
  return &requests.all[next_request++ % requests.count];
}

static void failed(const char *why) {
  results.failed++;
  if (results.first_failure[0] == 0) snprintf(results.first_failure, sizeof results.first_failure, "%s", why);
}

static ssize_t read_unary(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
  struct stream *stream = source->ptr;
  size_t part = stream->message->length - stream->sent;
  if (part > room) part = room;
  memcpy(to, stream->message->at + stream->sent, part);
  stream->sent += part;
  if (stream->sent == stream->message->length) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return part;
}

/* Fills a frame with as many messages as may be in flight. */
static ssize_t read_many(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  struct stream *stream = source->ptr;
  struct connection *c = stream->connection;
  size_t filled = 0;
  while (filled < room) {
    if (stream->message == NULL) {
      if (c->sent - c->answered >= in_flight_each) break;
      stream->message = take();
      if (stream->message == NULL) {
        if (c->sent == c->answered) {
          *flags |= NGHTTP2_DATA_FLAG_EOF;
          c->ended = 1;
        }
        break;
      }
      stream->sent = 0;
    }
    size_t part = stream->message->length - stream->sent;
    if (part > room - filled) part = room - filled;
    memcpy(to + filled, stream->message->at + stream->sent, part);
    filled += part;
    stream->sent += part;
    if (stream->sent == stream->message->length) {
      if (c->skipped > 0)
        c->skipped--;
      else
        c->began[c->sent++ % in_flight_each] = now();
      stream->message = NULL;
    }
  }
  if (filled == 0 && !c->ended) {
    c->deferred = 1;
    return NGHTTP2_ERR_DEFERRED;
  }
  return filled;
}

#define HEADER(name, value)                                                                                  \
  {(uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value),                                       \
   NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}

static void call(struct connection *c, const struct message *message) {
  const char *content = json ? "application/json" : "application/grpc";
  nghttp2_nv headers[] = {HEADER(":method", "POST"), HEADER(":scheme", "http"), HEADER(":authority", authority),
                          HEADER(":path", path), HEADER("content-type", content), HEADER("te", "trailers")};
  struct stream *stream = c->free;
  c->free = stream->next_free;
  stream->message = message;
  stream->sent = json ? 5 : 0;
  stream->http_ok = stream->grpc_ok = 0;
  stream->began = now();
  nghttp2_data_provider body = {{.ptr = stream}, streaming ? read_many : read_unary};
  c->id = nghttp2_submit_request(c->session, NULL, headers, json ? 5 : 6, &body, stream);
  if (c->id < 0) die("submit: %s", nghttp2_strerror(c->id));
  running++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (stream == NULL) return 0;
  if (name_length == 7 && memcmp(name, ":status", 7) == 0)
    stream->http_ok = value_length == 3 && memcmp(value, "200", 3) == 0;
  else if (name_length == 11 && memcmp(name, "grpc-status", 11) == 0) {
    stream->grpc_ok = value_length == 1 && *value == '0';
    if (!stream->grpc_ok && results.first_failure[0] == 0)
      snprintf(results.first_failure, sizeof results.first_failure, "grpc-status %.*s", (int)value_length, value);
  }
  return 0;
}

static void answer(struct connection *c) {
  took(&results, now() - c->began[c->answered % in_flight_each]);
  c->answered++;
  if (c->deferred) {
    c->deferred = 0;
    nghttp2_session_resume_data(c->session, c->id);
  }
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                   void *user) {
  struct connection *c = user;
  replies_bytes += length;
  while (streaming && length > 0) {
    if (c->prefix_have < 5) {
      c->prefix[c->prefix_have++] = *data++;
      length--;
      if (c->prefix_have < 5) continue;
      c->reply_left = (size_t)c->prefix[1] << 24 | c->prefix[2] << 16 | c->prefix[3] << 8 | c->prefix[4];
    }
    size_t part = length < c->reply_left ? length : c->reply_left;
    data += part, length -= part, c->reply_left -= part;
    if (c->reply_left == 0) {
      c->prefix_have = 0;
      answer(c);
    }
  }
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
  struct connection *c = user;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  running--;
  if (error != 0)
    failed(nghttp2_http2_strerror(error));
  else if (!stream->http_ok || (!json && !stream->grpc_ok))
    failed("no status 200");
  else if (!streaming)
    took(&results, now() - stream->began);
  stream->next_free = c->free;
  c->free = stream;
  if (streaming) {
    c->closed = 1;
    if (c->sent != c->answered) failed("messages without a reply");
    return 0;
  }
  const struct message *message = take();
  if (message != NULL) call(c, message);
  return 0;
}

static void start(struct connection *c, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_client_new(&c->session, callbacks, c);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
                                       {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
  c->skipped = unanswered;
  c->began = calloc(in_flight_each, sizeof *c->began);
  for (long i = 0; i < in_flight_each; i++) {
    struct stream *stream = calloc(1, sizeof *stream);
    *stream = (struct stream){.connection = c, .next_free = c->free};
    c->free = stream;
  }
}

/* Writes until there is nothing left, or the socket is full. Whether it is full. */
static int write_out(struct connection *c) {
  for (;;) {
    if (c->out_from == c->out_to) {
      c->out_from = c->out_to = 0;
      const uint8_t *data;
      ssize_t length;
      while (c->out_to < OUT - (32 << 10) && (length = nghttp2_session_mem_send(c->session, &data)) > 0) {
        memcpy(c->out + c->out_to, data, length);
        c->out_to += length;
      }
      if (c->out_to == 0) return 0;
    }
    ssize_t written = write(c->fd, c->out + c->out_from, c->out_to - c->out_from);
    if (written < 0 && errno == EAGAIN) return 1;
    if (written < 0) die("write: %s", strerror(errno));
    c->out_from += written;
  }
}

static void read_in(struct connection *c) {
  static uint8_t buffer[512 << 10];
  ssize_t have = read(c->fd, buffer, sizeof buffer);
  if (have < 0 && errno == EAGAIN) return;
  if (have <= 0) die("the server closed a connection");
  ssize_t done = nghttp2_session_mem_recv(c->session, buffer, have);
  if (done < 0) die("HTTP/2: %s", nghttp2_strerror(done));
}

int main(int count, char **arguments) {
  if (count < 4) die("usage: h2 PORT PATH REQUESTS [options], see the source");
  long connections = 4, in_flight = 64, seconds = 5;
  char host[32];
  snprintf(host, sizeof host, "127.0.0.1:%s", arguments[1]);
  authority = host, path = arguments[2];
  for (int i = 4; i < count; i++) {
    const char *name = arguments[i];
    if (flag(name, "--json", &json) || flag(name, "--stream", &streaming) || flag(name, "--once", &once)) continue;
    const char *value = ++i < count ? arguments[i] : "";
    if (!number(name, value, "--connections", &connections) && !number(name, value, "--in-flight", &in_flight) &&
        !number(name, value, "--seconds", &seconds) && !number(name, value, "--from", &next_request) &&
        !number(name, value, "--unanswered", &unanswered))
      die("unknown option %s", name);
  }
  requests = read_messages(arguments[3]);
  left = requests.count;
  in_flight_each = in_flight / connections;
  struct connection *all = calloc(connections, sizeof *all);
  struct pollfd *polled = calloc(connections, sizeof *polled);
  for (long i = 0; i < connections; i++) {
    start(&all[i], atoi(arguments[1]));
    polled[i] = (struct pollfd){.fd = all[i].fd};
  }
  double began = now();
  until = began + seconds;
  for (long i = 0; i < connections; i++)
    for (long k = 0; k < (streaming ? 1 : in_flight_each); k++) {
      const struct message *message = streaming ? NULL : take();
      if (streaming || message != NULL) call(&all[i], message);
    }
  while (running > 0) {
    for (long i = 0; i < connections; i++) polled[i].events = POLLIN | (write_out(&all[i]) ? POLLOUT : 0);
    int ready = poll(polled, connections, 30000);
    if (ready <= 0) die("no reply for 30 s");
    for (long i = 0; i < connections; i++)
      if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) read_in(&all[i]);
  }
  print_results(&results, now() - began, replies_bytes);
  return 0;
}
