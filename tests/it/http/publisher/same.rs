//! The same cases through gRPC and through this door give the same state.

use memberbase::api::grpc::v1;
use serde_json::{Value, json};

use crate::harness::{Base, Server};
use crate::http::Http;

/// Calls of rows; every row is a subset of what both doors take.
fn cases() -> Vec<Value> {
    vec![
        json!([{"ref": "a"}, {"ref": "b", "email": "B@x.com", "tier": "Gold"}]),
        json!([{"ref": "a", "first_name": "Ada", "status": "inactive"}, {"ref": "c", "status": "invited"}]),
        json!([{"ref": "b", "email": "b2@x.com"}, {"ref": "d", "email": "b@x.com"}]),
        // Refused as a whole: the e-mail address is taken.
        json!([{"ref": "e"}, {"ref": "f", "email": "b2@X.com"}]),
        // Refused as a whole: no phone number.
        json!([{"ref": "g"}, {"ref": "h", "phone": "12"}]),
        json!([{"ref": "a", "role": "x"}, {"ref": "a", "role": "y", "worker_id": "w"}]),
        json!([{"ref": "Grün", "company": "O'Neil & Söhne", "dob": "1999-12-31", "enable_payroll": false}]),
    ]
}

/// Runs a case through gRPC, as one commit.
async fn through_grpc(base: &mut Base, rows: &Value) -> bool {
    let text = |row: &Value, field: &str| row.get(field).map(|value| value.as_str().unwrap().to_owned());
    let members = rows.as_array().unwrap().iter().map(|row| v1::MemberInput {
        r#ref: text(row, "ref"),
        email: text(row, "email"),
        first_name: text(row, "first_name"),
        phone: text(row, "phone"),
        worker_id: text(row, "worker_id"),
        tier: text(row, "tier"),
        status: text(row, "status"),
        role: text(row, "role"),
        company: text(row, "company"),
        dob: text(row, "dob"),
        enable_payroll: row.get("enable_payroll").map(|value| value.as_bool().unwrap()),
        ..Default::default()
    });
    let mut request = base.request(members.collect());
    request.mode = v1::BulkMode::Atomic.into();
    base.send(request).await.counts.unwrap().failed == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_make_the_same_members() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let mut first = server.base().await;
    let second = http.base().await;
    for case in cases() {
        let landed = through_grpc(&mut first, &case).await;
        let reply = http.call("member/bulk-upsert", json!({"member_base_id": second, "members": case})).await;
        assert_eq!(reply.status == 200, landed, "{case}: {reply:?}");
    }
    let first_id = first.id.clone();
    let state = async |base: &str| -> Vec<Value> {
        let page = http.ok("member/list", json!({"member_base_id": base})).await;
        let mut members = page["data"].as_array().unwrap().clone();
        for member in &mut members {
            for own in ["id", "member_base_id", "created_at", "updated_at"] {
                member.as_object_mut().unwrap().remove(own);
            }
        }
        members
    };
    let (left, right) = (state(&first_id).await, state(&second).await);
    assert_eq!(left, right);
    assert_eq!(left.len(), 5);
}
