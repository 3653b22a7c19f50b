//! The page of metrics and the probes of a server, and that the documents and files about them agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use memberbase::api::grpc::v1;
use memberbase::server;
use serde_json::Value;

use crate::harness::{Server, config, row, rows};
use crate::http::{Http, Reply, exchange};

/// Gets a path from a server, which is called by this name.
pub async fn get(address: SocketAddr, path: &str, host: &str) -> Reply {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(address, &head, b"").await
}

/// A server with an admin address.
async fn start() -> (Server, SocketAddr) {
    let server = Server::start_with(|config| {
        config.admin_listen = Some(([127, 0, 0, 1], 0).into());
        config.metrics_bases = 1;
    })
    .await;
    let admin = server.admin_address();
    (server, admin)
}

/// A page of metrics.
struct Page {
    text: String,
    /// The kind and the help of each metric, by the name of its values.
    metrics: BTreeMap<String, (String, String)>,
    /// The values, by name and labels as written.
    values: BTreeMap<String, f64>,
}

impl Page {
    async fn get(admin: SocketAddr) -> Self {
        let reply = get(admin, "/metrics", "localhost").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(reply.head.contains(kind), "{}", reply.head);
        Self::read(reply.text)
    }

    fn read(text: String) -> Self {
        let (mut metrics, mut values, mut helps) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        assert!(text.ends_with("# EOF\n"));
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                helps.insert(name.to_owned(), help.to_owned());
            } else if let Some((name, kind)) =
                line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
            {
                let full = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
                let before = metrics.insert(full, (kind.to_owned(), helps[name].clone()));
                assert_eq!(before, None, "{name} is listed twice");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let before = values.insert(name.to_owned(), value.parse().unwrap());
                assert_eq!(before, None, "{name} has two values");
            }
        }
        Self { text, metrics, values }
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("there is no {name} in {}", self.text))
    }

    /// The labels of each metric that has values, without the bounds of histograms.
    fn labels(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut labels = BTreeMap::<_, BTreeSet<String>>::new();
        for value in self.values.keys() {
            let (name, rest) = value.split_once('{').unwrap_or((value, ""));
            let metric = histogram_of(name).filter(|name| self.metrics.contains_key(*name)).unwrap_or(name);
            let keys = rest.split("\",").filter_map(|label| label.split_once('=')).map(|(key, _)| key);
            let of = labels.entry(metric.to_owned()).or_default();
            of.extend(keys.filter(|key| *key != "le").map(str::to_owned));
        }
        labels
    }
}

/// The histogram that has this value.
fn histogram_of(name: &str) -> Option<&str> {
    ["_bucket", "_count", "_sum"].into_iter().find_map(|end| name.strip_suffix(end))
}

/// A metric as the document describes it: kind, unit, labels and meaning, by name.
fn documented() -> BTreeMap<String, [String; 4]> {
    let text = include_str!("../../docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4);
    let cells = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        (name, [1, 2, 3, 4].map(|cell| cells[cell].to_owned()))
    });
    cells.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_and_every_documented_metric_exists() {
    let (server, admin) = start().await;
    let mut base = server.base().await;
    base.upsert(vec![row("a")]).await;
    Http::new(&server).call("member/get", serde_json::json!({"id": "m_short"})).await;
    let page = Page::get(admin).await;
    let documented = documented();
    let kinds =
        documented.iter().map(|(name, [kind, _, _, help])| (name.clone(), (kind.clone(), help.clone())));
    assert_eq!(page.metrics, kinds.collect::<BTreeMap<_, _>>());
    for (name, labels) in page.labels() {
        let [_, unit, listed, _] = &documented[&name];
        let listed = listed.split(", ").map(|label| label.trim_matches('`').to_owned());
        assert_eq!(labels, listed.filter(|label| !label.is_empty()).collect(), "{name}");
        let plain = name.trim_end_matches("_total");
        for (end, word) in [("_seconds", "seconds"), ("_bytes", "bytes")] {
            assert_eq!(plain.ends_with(end), unit == word, "{name} {unit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_rows_and_members_are_counted_and_nobody_can_be_recognised() {
    let (server, admin) = start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    base.fill(rows("person-ada-", 3)).await;
    base.fill(rows("person-ada-", 3)).await;
    other.fill(rows("person-bob-", 2)).await;
    base.get("person-nobody").await.unwrap_err();
    let reply = base.delete(Vec::new(), vec!["person-ada-0".into()]).await;
    assert_eq!(reply.deleted, 1);
    let http = Http::new(&server);
    http.call("member/get?email=person@example.com", serde_json::json!({"id": "m_short"})).await;
    let mut validated = base.request(rows("person-eve-", 9));
    validated.mode = v1::BulkMode::ValidateOnly.into();
    base.send(validated).await;

    let page = Page::get(admin).await;
    let call = |method: &str, status: &str| {
        format!(
            "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",\
             rpc_method=\"publisher.v1.{method}\",rpc_response_status_code=\"{status}\"}}"
        )
    };
    let request = "http_server_request_duration_seconds_count{door=\"publisher\",http_request_method=\"POST\",\
                   http_route=\"/publisher.v1/member/get\",url_scheme=\"http\",http_response_status_code=\"400\",\
                   error_type=\"\"}";
    let id = &base.id;
    for (name, value) in [
        (&*call("MemberService/BulkUpsertMembers", "OK"), 4.0),
        (&call("MemberService/GetMember", "NOT_FOUND"), 1.0),
        (request, 1.0),
        ("memberbase_refusals_total{reason=\"MEMBER_NOT_FOUND\"}", 1.0),
        ("memberbase_refusals_total{reason=\"ID_MALFORMED\"}", 1.0),
        ("memberbase_rows_total{outcome=\"created\"}", 5.0),
        ("memberbase_rows_total{outcome=\"unchanged\"}", 3.0),
        ("memberbase_rows_total{outcome=\"deleted\"}", 1.0),
        ("memberbase_rows_total{outcome=\"failed\"}", 0.0),
        ("memberbase_open_bases", 2.0),
        (&format!("memberbase_members{{base=\"{id}\",status=\"active\"}}"), 2.0),
        ("memberbase_members{base=\"other\",status=\"active\"}", 2.0),
        ("memberbase_health{part=\"serving\"}", 1.0),
        ("memberbase_running_rpcs", 0.0),
    ] {
        assert_eq!(page.value(name), value, "{name} in {}", page.text);
    }
    for name in [
        "memberbase_log_size_bytes",
        "memberbase_disk_free_bytes",
        "memberbase_batch_durable_duration_seconds_sum",
        "memberbase_log_sync_duration_seconds_count",
        "memberbase_budget_limit_bytes{budget=\"incoming\"}",
        "process_open_fds",
        "memberbase_connections",
    ] {
        assert!(page.value(name) > 0.0, "{name}");
    }
    assert!(!page.text.contains("person") && !page.text.contains('@'), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_on_both_addresses_and_metrics_only_on_theirs() {
    let (server, admin) = start().await;
    for address in [admin, server.address()] {
        for path in ["/healthz", "/readyz"] {
            // A program that balances servers has no name for one.
            for host in ["localhost", "10.0.0.7:50051", ""] {
                let reply = get(address, path, host).await;
                assert_eq!((reply.status, &*reply.text), (200, "ok\n"), "{path} {host}");
            }
        }
    }
    let head = exchange(
        server.address(),
        "HEAD /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"",
    );
    let head = head.await;
    assert!(
        head.status == 200 && head.head.contains("content-length: 3") && head.text.is_empty(),
        "{head:?}"
    );
    assert_eq!(get(server.address(), "/metrics", "localhost").await.status, 404);
    assert_eq!(get(admin, "/publisher.v1/openapi.json", "localhost").await.status, 404);
    assert_eq!(get(admin, "/metrics", "rebound.example").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_accept_writes_is_alive_and_not_ready() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    server::start(config.clone()).await.unwrap().stop().await.unwrap();
    config.reserve = u64::MAX;
    let running = server::start(config).await.unwrap();
    // The store is checked every second.
    while get(running.address(), "/readyz", "localhost").await.status == 200 {
        tokio::task::yield_now().await;
    }
    let reply = get(running.address(), "/readyz", "localhost").await;
    assert_eq!((reply.status, &*reply.text), (503, "writes are rejected; the log says why\n"));
    assert_eq!(get(running.address(), "/healthz", "localhost").await.status, 200);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_admin_address_that_was_asked_for_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    config.admin_listen = Some(taken.local_addr().unwrap());
    let error = server::start(config).await.err().unwrap().to_string();
    assert!(error.starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

/// The names in an expression that look like metrics of a server.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(move |c| !is_part(c));
    let starts = ["memberbase_", "rpc_server_", "http_server_", "process_"];
    words.filter(move |word| starts.iter().any(|start| word.starts_with(start)))
}

/// The names in a file that no metric has.
fn unknown(text: &str) -> Vec<&str> {
    let documented = documented();
    let exists = |name: &&str| {
        let kind = |name: &str| documented.get(name).map(|[kind, ..]| kind.clone());
        match histogram_of(name).and_then(kind) {
            Some(kind) => kind == "histogram",
            None => kind(name).is_some_and(|kind| kind != "histogram"),
        }
    };
    names(text).filter(|name| !exists(name)).collect()
}

#[test]
fn alerts_and_the_dashboard_use_metrics_that_exist() {
    assert_eq!(
        unknown("rate(memberbase_guess_total[5m]) + memberbase_batch_rows"),
        ["memberbase_guess_total", "memberbase_batch_rows"]
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let alerts = fs::read_to_string(root.join("prometheus/memberbase.yml")).unwrap();
    let expressions = alerts.split("expr:").skip(1).map(|rest| rest.split("labels:").next().unwrap());
    let expressions: Vec<&str> = expressions.collect();
    assert!(expressions.len() > 10);
    for expression in expressions {
        assert_eq!(unknown(expression), Vec::<&str>::new(), "{expression}");
    }

    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(root.join("grafana/memberbase.json")).unwrap()).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(unknown(expression), Vec::<&str>::new(), "{}", panel["title"]);
            shown.extend(names(expression).map(|name| histogram_of(name).unwrap_or(name).to_owned()));
        }
    }
    // The dashboard shows everything.
    let all: BTreeSet<String> = documented().into_keys().collect();
    assert_eq!(shown, all);
}

#[test]
fn the_expressions_of_the_document_use_metrics_that_exist() {
    let text = include_str!("../../docs/metrics.md");
    let watched = text.split("## What to watch").nth(1).unwrap();
    assert!(names(watched).count() > 5);
    assert_eq!(unknown(watched), Vec::<&str>::new());
}
