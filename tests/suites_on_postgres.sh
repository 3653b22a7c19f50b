#!/usr/bin/env bash
# Runs on PostgreSQL what `cargo test` runs in folders: the table against its reference, every door, linearizable
# histories with the bank, and jobs that are killed.
#
#   tests/suites_on_postgres.sh          the modules that fit into a few minutes
#   EVERYTHING=1 tests/suites_on_postgres.sh    all of them
set -euo pipefail
cd "$(dirname "$0")/.."

table=(table::tests::{takeover,undelete,idempotency,lists,removals,naming,records}) doors=(grpc:: http::onsi:: linearizable::)
if [ -n "${EVERYTHING:-}" ]; then
  table=(table::tests) doors=(grpc:: http:: linearizable:: kill::jobs:: kill::reverts:: kill::batches::)
fi
MEMBERBASE_TEST_TABLE=postgres cargo test --locked --lib -- "${table[@]}"
MEMBERBASE_TEST_SERVERS=postgres cargo test --locked --test it -- "${doors[@]}"
