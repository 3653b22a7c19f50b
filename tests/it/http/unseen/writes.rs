//! Writes of hidden fields: the values that members have before in each memberbase, and the requests.

use serde_json::{Value, json};

use super::{GUESS, HOLDERS, OTHER};
use crate::http::onsi::{self, Onsi};
use crate::http::{Http, Reply};

/// How a write treats the hidden fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Probe {
    Dob,
    ClearDob,
    Account,
    ClearAccount,
    Nothing,
}

const PROBES: [Probe; 5] = [Probe::Dob, Probe::ClearDob, Probe::Account, Probe::ClearAccount, Probe::Nothing];

/// The calls that write a member. `revive` creates a member that was offboarded.
const WRITES: [&str; 4] = ["upsert", "patch", "put", "revive"];

/// Every write with every probe, and the ref of its member.
pub fn refs(kind: &str) -> Vec<(&'static str, Probe, String)> {
    let of = |write| PROBES.map(|probe| (write, probe, format!("{kind}-{write}-{probe:?}").to_lowercase()));
    WRITES.into_iter().flat_map(of).collect()
}

fn row(r#ref: &str) -> Value {
    json!({
        "ref": r#ref, "email": format!("{ref}@example.com"), "first_name": "Jane", "last_name": "Smith", "tier": "Gold",
        "status": "active",
    })
}

/// A member with all hidden fields: with the guessed values in the first memberbase, other values in the
/// second, and none in the third.
pub fn full(r#ref: &str, world: usize) -> Value {
    let account = |holder: &str, iban: &str| json!({"eu": {"account_holder": holder, "iban": iban}});
    let more = match world {
        0 => json!({"dob": GUESS.0, "account_details": account(HOLDERS[0], GUESS.1)}),
        1 => json!({"dob": OTHER.0, "account_details": account(HOLDERS[1], OTHER.1)}),
        _ => json!({}),
    };
    onsi::with(row(r#ref), more)
}

/// The member as created. A probe of one field leaves the other one empty, so that a write can change only
/// the guessed field.
pub fn before(write: &str, probe: Probe, r#ref: &str, world: usize) -> Value {
    let mut member = full(r#ref, world);
    let other = match probe {
        Probe::Dob | Probe::ClearDob => "account_details",
        Probe::Account | Probe::ClearAccount => "dob",
        Probe::Nothing => "",
    };
    member.as_object_mut().unwrap().remove(other);
    if write == "revive" {
        member["status"] = "inactive".into();
    }
    member
}

/// Writes the member with this ref and id, under an idempotency key unless that is empty.
pub async fn send(
    http: &Http,
    onsi: &Onsi,
    write: &str,
    probe: Probe,
    (base, r#ref, id): (&str, &str, &str),
    key: &str,
) -> Reply {
    let path = format!("members/{id}");
    let (method, path) = match write {
        "upsert" => return upsert(http, base, publisher(probe, r#ref), key).await,
        "patch" => ("PATCH", path),
        "put" => ("PUT", path),
        _ => {
            // An existing member cannot be created.
            onsi.call("DELETE", &path, None).await.is(200);
            ("POST", "members".to_owned())
        }
    };
    let body = body(write, probe, r#ref).to_string();
    onsi.raw(method, &path, &headers(&body, key), body.as_bytes()).await
}

/// Upserts this member at the Publisher door.
pub async fn upsert(http: &Http, base: &str, member: Value, key: &str) -> Reply {
    let body = json!({"member_base_id": base, "members": [member]}).to_string();
    http.raw("POST", "member/bulk-upsert", &headers(&body, key), body.as_bytes()).await
}

fn headers(body: &str, key: &str) -> String {
    let key = if key.is_empty() { String::new() } else { format!("x-idempotency-key: {key}\r\n") };
    format!("Content-Type: application/json\r\nContent-Length: {}\r\n{key}", body.len())
}

fn publisher(probe: Probe, r#ref: &str) -> Value {
    let more = match probe {
        Probe::Dob => json!({"dob": GUESS.0}),
        Probe::ClearDob => json!({"dob": null}),
        Probe::Account => {
            json!({"account_details": {"eu": {"account_holder": HOLDERS[0], "iban": GUESS.1}}})
        }
        Probe::ClearAccount => json!({"account_details": null}),
        Probe::Nothing => json!({}),
    };
    onsi::with(row(r#ref), more)
}

/// The body at the Onsi door, where only a replacement that leaves the date of birth out can clear it.
fn body(write: &str, probe: Probe, r#ref: &str) -> Value {
    let more = match probe {
        Probe::Dob => json!({"dob": GUESS.0}),
        Probe::Account => json!({"accountDetails": {"accountHolder": HOLDERS[0], "iban": GUESS.1}}),
        Probe::ClearAccount if write != "revive" => json!({"accountDetails": null}),
        Probe::ClearDob | Probe::ClearAccount | Probe::Nothing => json!({}),
    };
    let all = if write == "patch" {
        json!({"firstName": "Jane"})
    } else {
        onsi::member(&format!("{ref}@example.com"))
    };
    onsi::with(all, more)
}
