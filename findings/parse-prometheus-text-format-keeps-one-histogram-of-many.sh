#!/usr/bin/env bash
# parse-prometheus-text-format keeps the last histogram of a name, without its labels, its sum and its count.
#
# Versions: parse-prometheus-text-format 1.1.1 (npm); for comparison prometheus-client 0.26.0 (PyPI), from
# which it has its parser of lines, as its README says.
#
# Servers show their numbers to Prometheus as text. A histogram is a series of buckets, a sum and a count for
# each combination of labels, such as `path`. The README has one of a histogram without labels, and one of
# counts and sums with labels. Its result is meant to be like that of prom2json.
#
# Guess: one entry of the histogram for each path, with its labels.
#
# Seen: one entry in all, with the buckets of the path that comes last in the text. It says nothing of the
# path, and has neither sum nor count. Summaries with quantiles are cut in the same way. Counters, gauges, and
# histograms without labels come out whole. prometheus-client has all lines.
#
# Why it matters: a check of "how many requests took longer than 0.1 s" sees one path of a server, and which
# one depends on the order of the lines. Here it sees 3 slow ones of 4, where there are 13 of 1,004.
# memberbase's histogram of gRPC calls has labels for the method and the status, so this reader would see the
# last of them (docs/metrics.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts parse-prometheus-text-format@1.1.1 >/dev/null

cat >metrics <<'TEXT'
# TYPE request_seconds histogram
request_seconds_bucket{path="/members",le="0.1"} 990
request_seconds_bucket{path="/members",le="+Inf"} 1000
request_seconds_sum{path="/members"} 25
request_seconds_count{path="/members"} 1000
request_seconds_bucket{path="/jobs",le="0.1"} 1
request_seconds_bucket{path="/jobs",le="+Inf"} 4
request_seconds_sum{path="/jobs"} 240
request_seconds_count{path="/jobs"} 4
# TYPE row_seconds summary
row_seconds{path="/members",quantile="0.9"} 0.02
row_seconds_sum{path="/members"} 25
row_seconds_count{path="/members"} 1000
row_seconds{path="/jobs",quantile="0.9"} 90
row_seconds_sum{path="/jobs"} 240
row_seconds_count{path="/jobs"} 4
# TYPE requests_total counter
requests_total{path="/members"} 1000
requests_total{path="/jobs"} 4
TEXT
cat >parse.js <<'JS'
const { readFileSync } = require('node:fs');
const parse = require('parse-prometheus-text-format');

for (const { name, metrics } of parse(readFileSync('metrics', 'utf8'))) {
  console.log(name, JSON.stringify(metrics));
}
JS
node parse.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from prometheus_client.parser import text_string_to_metric_families

for family in text_string_to_metric_families(open("metrics").read()):
    paths = sorted({sample.labels["path"] for sample in family.samples})
    print("prometheus-client:", family.name, "has", len(family.samples), "lines of", *paths)
PY

diff - seen <<'EXPECTED'
request_seconds [{"buckets":{"0.1":"1","+Inf":"4"}}]
row_seconds [{"quantiles":{"0.9":"90"}}]
requests_total [{"value":"1000","labels":{"path":"/members"}},{"value":"4","labels":{"path":"/jobs"}}]
prometheus-client: request_seconds has 8 lines of /jobs /members
prometheus-client: row_seconds has 6 lines of /jobs /members
prometheus-client: requests has 2 lines of /jobs /members
EXPECTED
