/* Appends to a file and calls fdatasync after each write: the limit of durable writes one after another.

   append FILE [--bytes 256] [--seconds 5]

   Prints one line of JSON. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common.h"

int main(int count, char **arguments) {
  if (count < 2) die("usage: append FILE [options], see the source");
  long bytes = 256, seconds = 5;
  for (int i = 2; i + 1 < count; i += 2)
    if (!number(arguments[i], arguments[i + 1], "--bytes", &bytes) &&
        !number(arguments[i], arguments[i + 1], "--seconds", &seconds))
      die("unknown option %s", arguments[i]);
  struct results results = {0};
  char *data = malloc(bytes);
  memset(data, 'm', bytes);
  int fd = open(arguments[1], O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
  if (fd < 0) die("%s: %s", arguments[1], strerror(errno));
  double began = now();
  while (now() < began + seconds) {
    double start = now();
    if (write(fd, data, bytes) != bytes || fdatasync(fd) != 0) die("write: %s", strerror(errno));
    took(&results, now() - start);
  }
  print_results(&results, now() - began, 0);
  unlink(arguments[1]);
  return 0;
}
