//! `transaction/ingest` and `transaction/list`

use serde_json::{Value, json};

use super::{NO_MEMBER, event, listed, with, world};
use crate::harness::Server;
use crate::http::Http;

fn counted(created: u64, updated: u64, unchanged: u64) -> Value {
    json!({"status": "ok", "created": created, "updated": updated, "unchanged": unchanged})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_transaction_is_updated_and_never_doubled() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let first = with(event(&ids[0], "t1"), json!({"amount": 4999, "currency": "EUR"}));
    let events = json!({"events": [first, event(&ids[0], "t2"), first]});
    assert_eq!(http.ok("transaction/ingest", events.clone()).await, counted(2, 0, 1));
    assert_eq!(http.ok("transaction/ingest", events).await, counted(0, 0, 3));
    assert_eq!(http.ok("transaction/ingest", json!({"events": []})).await, counted(0, 0, 0));
    let later = json!({
        "cleared_at": "2026-02-04T00:00:00Z", "reverted_at": "2026-02-05T00:00:00Z", "statement_descriptor": "SHOP",
        "amount": -1, "currency": "GBP",
    });
    // The authorised values stay as first sent.
    let fixed = json!({"auth_code": "other", "network": "amex", "bin": "51111111", "merchant_id": "mer_2"});
    let repeat = with(with(event(&ids[0], "t1"), later.clone()), fixed);
    assert_eq!(http.ok("transaction/ingest", json!({"events": [repeat]})).await, counted(0, 1, 0));
    assert_eq!(
        http.ok("transaction/ingest", json!({"events": [event(&ids[0], "t1")]})).await,
        counted(0, 0, 1)
    );
    let page = http.ok("transaction/list", json!({"member_id": ids[0]})).await;
    let (t2, t1) = (&page["data"][0], &page["data"][1]);
    let times = |of: &Value| json!({"created_at": of["created_at"], "updated_at": of["updated_at"]});
    assert_eq!(*t1, with(with(event(&ids[0], "t1"), later), times(t1)));
    let nothing = json!({
        "cleared_at": null, "reverted_at": null, "statement_descriptor": null, "amount": null, "currency": null,
    });
    assert_eq!(*t2, with(with(event(&ids[0], "t2"), nothing), times(t2)));
    assert!(t1["updated_at"].as_str() > t1["created_at"].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_event_rejects_all_events_of_its_memberbase_and_lists_every_fault() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let good = event(&ids[0], "t1");
    let bad = json!({
        "member_id": "m_short", "external_id": "", "network": "diners", "bin": "12", "currency": "euro",
        "amount": 1_u64 << 53,
    });
    let reply = http.call("transaction/ingest", json!({"events": [good, with(good.clone(), bad)]})).await;
    let faults = reply.refused(400, "bad_request")["violations"].as_array().unwrap();
    let mut paths: Vec<&str> = faults.iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    let fields = ["amount", "bin", "currency", "external_id", "member_id", "network"];
    assert_eq!(paths, fields.map(|field| format!("events[1].{field}")));
    let times = json!({"authed_at": "yesterday", "cleared_at": "2026-13-01T00:00:00Z", "reverted_at": ""});
    let reply = http.call("transaction/ingest", json!({"events": [with(good.clone(), times)]})).await;
    assert_eq!(reply.refused(400, "bad_request")["violations"].as_array().unwrap().len(), 3);
    let decimal = with(good.clone(), json!({"amount": 49.99}));
    let reply = http.call("transaction/ingest", json!({"events": [good, decimal]})).await;
    assert_eq!(reply.refused(400, "bad_request")["path"], "events[1].amount");
    let unknown = json!({"events": [good, event(NO_MEMBER, "t2")]});
    let reply = http.call("transaction/ingest", unknown).await;
    let data = reply.refused(404, "not_found");
    assert_eq!((&data["path"], &data["resource"]), (&json!("events[1].member_id"), &json!("member")));
    let many = vec![good.clone(); 5_001];
    let reply = http.call("transaction/ingest", json!({"events": many})).await;
    assert_eq!(reply.refused(400, "bad_request")["limit"], 5_000);
    assert!(listed(&http, "transaction/list", json!({"member_id": ids[0]}), "external_id").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_belongs_to_one_member_of_its_memberbase() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let (_, elsewhere) = world(&http).await;
    http.ok("transaction/ingest", json!({"events": [event(&ids[0], "t0")]})).await;
    let taken = json!({"events": [event(&ids[1], "t1"), event(&ids[1], "t0")]});
    let reply = http.call("transaction/ingest", taken).await;
    assert_eq!(reply.refused(409, "conflict")["path"], "events[1].external_id");
    assert!(listed(&http, "transaction/list", json!({"member_id": ids[1]}), "external_id").await.is_empty());
    // The same id in another memberbase is another transaction.
    let both = json!({"events": [event(&ids[0], "t0"), event(&elsewhere[0], "t0")]});
    assert_eq!(http.ok("transaction/ingest", both).await, counted(1, 0, 1));
}
