//! `DELETE /members`: with a body of JSON.

use serde_json::json;

use super::{Orbiit, emails, member};
use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_are_ignored_and_malformed_ones_are_refused() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (other, _) = Orbiit::base(&server).await;
    let ids = orbiit.filled(3).await;
    let elsewhere = other.filled(1).await;
    let onsi = ids[1].replace("m_", "mem_");
    let unknown = "m_00000000000000000000000000";
    let doomed = json!({"memberIds": [ids[0], onsi, ids[0], unknown, elsewhere[0]]});
    let deleted = orbiit.call("DELETE", "members", Some(doomed.clone())).await.is(200);
    assert_eq!(deleted, json!({"deletedCount": 2}));
    assert_eq!(orbiit.call("DELETE", "members", Some(doomed)).await.is(200), json!({"deletedCount": 0}));
    let none = json!({"memberIds": []});
    assert_eq!(orbiit.call("DELETE", "members", Some(none)).await.is(200), json!({"deletedCount": 0}));
    assert_eq!(other.get("members").await.is(200)["totalCount"], 1);
    for (body, expected) in [
        (json!({}), vec!["memberIds"]),
        (json!({"memberIds": ids[2]}), vec!["memberIds"]),
        (json!({"memberIds": [ids[2], "m_1", 5]}), vec!["memberIds[2]"]),
        (
            json!({"memberIds": [ids[2], "m_1", "3062636f713871746175756b"]}),
            vec!["memberIds[1]", "memberIds[2]"],
        ),
        (json!({"memberIds": [ids[2]], "refs": []}), vec!["refs"]),
    ] {
        let refused = orbiit.call("DELETE", "members", Some(body)).await;
        assert_eq!(refused.faults(400, "invalid_request"), expected, "{refused:?}");
    }
    let bare = orbiit.call("DELETE", "members", None).await;
    assert!(bare.faults(415, "unsupported_media_type").is_empty());
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_member_is_a_new_one_when_it_is_saved_again() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let id = orbiit.filled(1).await.remove(0);
    orbiit.call("DELETE", "members", Some(json!({"memberIds": [id]}))).await.is(200);
    let again = orbiit.save(json!([member("m0@example.com")])).await;
    assert_eq!(again[0]["outcome"], "created");
    assert_ne!(again[0]["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_stops_what_would_delete_or_change_too_many_members() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let orbiit = Orbiit::new(server.address(), &base, None);
    let ids = orbiit.filled(30).await;
    let doomed = json!({"memberIds": ids[..11]});
    let refused = orbiit.call("DELETE", "members", Some(doomed.clone())).await;
    assert!(refused.faults(409, "conflict").is_empty());
    assert_eq!(refused.body["reason"], "REMOVAL_GUARD");
    let bad = orbiit.with("x-expect-removals: many").call("DELETE", "members", Some(doomed.clone())).await;
    assert_eq!(bad.faults(400, "invalid_request"), ["x-expect-removals"]);
    let rows: Vec<_> = (0..11)
        .map(|number| json!({"email": format!("m{number}@example.com"), "firstName": "Bo", "lastName": "Li"}))
        .collect();
    orbiit.save(json!([{"email": "m29@example.com", "lastName": "Yu"}])).await;
    let named: Vec<_> =
        (0..11).map(|number| json!({"email": format!("m{number}@example.com"), "lastName": "Yu"})).collect();
    orbiit.save(json!(named)).await;
    let changes = json!({ "members": rows });
    let refused = orbiit.call("POST", "members", Some(changes.clone())).await;
    let faults = refused.faults(409, "conflict");
    assert!(!faults.is_empty() && faults.iter().all(|path| path.starts_with("members[")), "{refused:?}");
    assert_eq!(refused.body["reason"], "CHANGE_GUARD");
    orbiit.with("x-expect-identities: 11").call("POST", "members", Some(changes)).await.is(200);
    let deleted = orbiit.with("x-expect-removals: 11").call("DELETE", "members", Some(doomed)).await.is(200);
    assert_eq!(deleted, json!({"deletedCount": 11}));
    assert_eq!(emails(&orbiit.get("members").await.is(200)).len(), 19);
}
