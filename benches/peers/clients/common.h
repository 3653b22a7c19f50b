/* What the clients share: prepared messages, a clock, latencies, and one line of JSON at the end. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct message {
  const uint8_t *at;
  size_t length;
};

struct messages {
  struct message *all;
  long count;
};

struct results {
  uint32_t *micros;
  long count, room, failed;
  char first_failure[200];
};

__attribute__((noreturn)) static void die(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static inline int flag(const char *name, const char *wanted, int *to) {
  return strcmp(name, wanted) == 0 ? (*to = 1) : 0;
}

static inline int number(const char *name, const char *value, const char *wanted, long *to) {
  if (strcmp(name, wanted) != 0) return 0;
  *to = atol(value);
  return 1;
}

/* Reads a file of messages: each a zero byte, four bytes of length, highest first, and its bytes. The prefix
   of five bytes belongs to the message. */
static inline struct messages read_messages(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) die("cannot read %s", path);
  size_t size = ftell(file), at = 0;
  rewind(file);
  uint8_t *bytes = malloc(size);
  if (bytes == NULL || fread(bytes, 1, size, file) != size) die("cannot read %s", path);
  fclose(file);
  struct messages read = {NULL, 0};
  for (long room = 0; at + 5 <= size; read.count++) {
    if (read.count == room) read.all = realloc(read.all, (room = room * 2 + 1024) * sizeof *read.all);
    size_t length = (size_t)bytes[at + 1] << 24 | bytes[at + 2] << 16 | bytes[at + 3] << 8 | bytes[at + 4];
    read.all[read.count] = (struct message){bytes + at, length + 5};
    at += length + 5;
  }
  if (at != size || read.count == 0) die("%s has no whole messages", path);
  return read;
}

static inline void took(struct results *results, double seconds) {
  if (results->count == results->room) {
    results->room = results->room * 2 + 65536;
    results->micros = realloc(results->micros, results->room * sizeof *results->micros);
  }
  results->micros[results->count++] = seconds * 1e6;
}

static int by_size(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static inline double at_share(struct results *results, double share) {
  long at = results->count * share;
  if (results->count == 0) return 0;
  return results->micros[at < results->count ? at : results->count - 1] / 1e3;
}

static inline void print_results(struct results *results, double seconds, long bytes) {
  qsort(results->micros, results->count, sizeof *results->micros, by_size);
  printf("{\"count\": %ld, \"failed\": %ld, \"first_failure\": \"%s\", \"seconds\": %.6f, \"p50\": %.3f, "
         "\"p99\": %.3f, \"max\": %.3f, \"reply_bytes\": %ld}\n",
         results->count, results->failed, results->first_failure, seconds, at_share(results, 0.5),
         at_share(results, 0.99), at_share(results, 1), bytes);
}
