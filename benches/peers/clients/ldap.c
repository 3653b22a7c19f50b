/* A client of LDAP that sends requests prepared beforehand, one at a time on each connection.

   ldap PORT REQUESTS [--connections 64] [--seconds 5] [--from 0]

   REQUESTS is a file of LDAP messages in BER, each after a zero byte and four bytes of length. Every search
   must find one entry. Prints one line of JSON. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { ENTRY = 0x64, SEARCH_DONE = 0x65, ADDED = 0x69 };

struct connection {
  int fd, entries;
  double began;
  uint8_t in[64 << 10];
  size_t have;
};

static struct messages requests;
static struct results results;
static long next_request, running;
static double until;

static void send_next(struct connection *c) {
  if (now() >= until) {
    running--;
    return;
  }
  const struct message *message = &requests.all[next_request++ % requests.count];
  c->began = now();
  c->entries = 0;
  if (write(c->fd, message->at + 5, message->length - 5) != (ssize_t)message->length - 5)
    die("write: %s", strerror(errno));
}

/* The length of an element whose tag is at `at`; where its content begins. 0 if it is not all there. */
static size_t element(const uint8_t *at, size_t have, size_t *content) {
  if (have < 2) return 0;
  size_t length = at[1], begin = 2;
  if (length & 0x80) {
    size_t count = length & 0x7f;
    if (have < 2 + count) return 0;
    for (length = 0; begin < 2 + count; begin++) length = length << 8 | at[begin];
  }
  *content = begin;
  return have < begin + length ? 0 : begin + length;
}

static void answered(struct connection *c, int kind, int code) {
  if (kind == ENTRY) {
    c->entries++;
    return;
  }
  if (code == 0 && (kind == ADDED || c->entries == 1))
    took(&results, now() - c->began);
  else if (results.failed++ == 0)
    snprintf(results.first_failure, sizeof results.first_failure, "result code %d, %d entries", code, c->entries);
  send_next(c);
}

static void read_in(struct connection *c) {
  ssize_t more = read(c->fd, c->in + c->have, sizeof c->in - c->have);
  if (more <= 0) die("the server closed a connection");
  c->have += more;
  size_t at = 0, length, content;
  while ((length = element(c->in + at, c->have - at, &content)) > 0) {
    /* The number of the message, then the operation, which begins with its result code if it is a result. */
    const uint8_t *operation = c->in + at + content + 2 + c->in[at + content + 1];
    size_t inner = 0;
    element(operation, length, &inner);
    at += length;
    answered(c, operation[0], operation[inner + 2]);
  }
  memmove(c->in, c->in + at, c->have -= at);
}

int main(int count, char **arguments) {
  if (count < 3) die("usage: ldap PORT REQUESTS [options], see the source");
  long connections = 64, seconds = 5;
  for (int i = 3; i + 1 < count; i += 2)
    if (!number(arguments[i], arguments[i + 1], "--connections", &connections) &&
        !number(arguments[i], arguments[i + 1], "--seconds", &seconds) &&
        !number(arguments[i], arguments[i + 1], "--from", &next_request))
      die("unknown option %s", arguments[i]);
  requests = read_messages(arguments[2]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct connection *all = calloc(connections, sizeof *all);
  int polled = epoll_create1(0), on = 1;
  for (long i = 0; i < connections; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(all[i].fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect: %s", strerror(errno));
    setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(polled, EPOLL_CTL_ADD, all[i].fd, &event);
  }
  double began = now();
  until = began + seconds;
  running = connections;
  for (long i = 0; i < connections; i++) send_next(&all[i]);
  while (running > 0) {
    struct epoll_event events[64];
    int ready = epoll_wait(polled, events, 64, 30000);
    if (ready <= 0) die("no reply for 30 s");
    for (int i = 0; i < ready; i++) read_in(events[i].data.ptr);
  }
  print_results(&results, now() - began, 0);
  return 0;
}
