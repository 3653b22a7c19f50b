#!/usr/bin/env bash
# Runs tests on PostgreSQL that `cargo test` runs in memory and in folders.
#
#   tests/suites_on_postgres.sh               some modules of the table, in seconds; CI does this
#   EVERYTHING=1 tests/suites_on_postgres.sh  the table, every door, linearizable histories with the bank, and
#                                             jobs that are killed
set -euo pipefail
cd "$(dirname "$0")/.."

table=(table::tests::{undelete,idempotency,naming}) doors=()
if [ -n "${EVERYTHING:-}" ]; then
  table=(table::tests) doors=(grpc:: http:: linearizable:: kill::jobs:: kill::reverts:: kill::batches::)
fi
MEMBERBASE_TEST_TABLE=postgres cargo test --locked --lib -- "${table[@]}"
if [ ${#doors[@]} -gt 0 ]; then
  MEMBERBASE_TEST_SERVERS=postgres cargo test --locked --test it -- "${doors[@]}"
fi
