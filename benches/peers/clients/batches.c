/* A client of PostgreSQL that sends batches of rows prepared beforehand as binary arrays.

   batches CONNECTION-STRING STATEMENT BATCHES [--connections 2] [--columns 10]

   BATCHES is a file of parameters, each after a zero byte and four bytes of length: for each batch one array
   of text a column. Each connection executes the prepared statement with the next batch when it has the result
   of the last. Prints one line of JSON; `reply_bytes` is the number of rows that the statements wrote. */

#include <libpq-fe.h>
#include <poll.h>

#include "common.h"

#define TEXT_ARRAY 1009
#define MOST_COLUMNS 32

static struct messages batches;
static struct results results;
static long columns = 10, next_batch, running;
static double *began;

static void check(PGconn *connection, PGresult *result) {
  if (PQresultStatus(result) != PGRES_COMMAND_OK) die("%s", PQerrorMessage(connection));
}

static void send_next(PGconn *connection, long i) {
  const char *values[MOST_COLUMNS];
  int lengths[MOST_COLUMNS], formats[MOST_COLUMNS];
  if (next_batch * columns >= batches.count) {
    running--;
    return;
  }
  for (long k = 0; k < columns; k++) {
    const struct message *array = &batches.all[next_batch * columns + k];
    values[k] = (const char *)array->at + 5;
    lengths[k] = array->length - 5;
    formats[k] = 1;
  }
  next_batch++;
  began[i] = now();
  if (!PQsendQueryPrepared(connection, "batch", columns, values, lengths, formats, 0))
    die("%s", PQerrorMessage(connection));
}

int main(int count, char **arguments) {
  if (count < 4) die("usage: batches CONNECTION-STRING STATEMENT BATCHES [options], see the source");
  long connections = 2, written = 0;
  for (int i = 4; i + 1 < count; i += 2)
    if (!number(arguments[i], arguments[i + 1], "--connections", &connections) &&
        !number(arguments[i], arguments[i + 1], "--columns", &columns))
      die("unknown option %s", arguments[i]);
  if (columns > MOST_COLUMNS) die("at most %d columns", MOST_COLUMNS);
  batches = read_messages(arguments[3]);
  PGconn **all = calloc(connections, sizeof *all);
  struct pollfd *polled = calloc(connections, sizeof *polled);
  began = calloc(connections, sizeof *began);
  Oid types[MOST_COLUMNS];
  for (long k = 0; k < columns; k++) types[k] = TEXT_ARRAY;
  for (long i = 0; i < connections; i++) {
    all[i] = PQconnectdb(arguments[1]);
    if (PQstatus(all[i]) != CONNECTION_OK) die("%s", PQerrorMessage(all[i]));
    PGresult *prepared = PQprepare(all[i], "batch", arguments[2], columns, types);
    check(all[i], prepared);
    PQclear(prepared);
    polled[i] = (struct pollfd){.fd = PQsocket(all[i]), .events = POLLIN};
  }
  double start = now();
  running = connections;
  for (long i = 0; i < connections; i++) send_next(all[i], i);
  while (running > 0) {
    if (poll(polled, connections, 60000) <= 0) die("no result for 60 s");
    for (long i = 0; i < connections; i++) {
      if (!polled[i].revents) continue;
      if (!PQconsumeInput(all[i])) die("%s", PQerrorMessage(all[i]));
      while (!PQisBusy(all[i])) {
        PGresult *result = PQgetResult(all[i]);
        if (result == NULL) {
          took(&results, now() - began[i]);
          send_next(all[i], i);
          break;
        }
        check(all[i], result);
        written += atol(PQcmdTuples(result));
        PQclear(result);
      }
    }
  }
  print_results(&results, now() - start, written);
  return 0;
}
