//! Bodies, paths and headers: every fault is reported with its path, and nothing is written.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Onsi, member, with};
use crate::harness::Server;

const UK: [&str; 3] = ["accountHolder", "sortCode", "accountNumber"];

fn uk(holder: &str, sort_code: &str, account_number: &str) -> Value {
    json!({(UK[0]): holder, (UK[1]): sort_code, (UK[2]): account_number})
}

fn eu(holder: &str, iban: &str) -> Value {
    json!({"accountHolder": holder, "iban": iban})
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_faults_are_nine_issues() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let id = onsi.member("a@example.com", "invited").await;
    let body = json!({
        "email": "no address", "firstName": 5, "tier": "", "phone": "12", "workerId": null,
        "accountDetails": uk("Jane", "12345", "12345678"), "enablePayroll": "yes", "dob": "1899-12-31",
    });
    let invalid = "BodyValidation";
    let expected = [
        (invalid, "email"),
        (invalid, "firstName"),
        (invalid, "lastName"),
        (invalid, "tier"),
        (invalid, "phone"),
        (invalid, "workerId"),
        ("BankAccountInvalid", "accountDetails.sortCode"),
        (invalid, "enablePayroll"),
        (invalid, "dob"),
    ];
    for (method, path) in [("POST", "members".to_owned()), ("PUT", format!("members/{id}"))] {
        let reply = onsi.call(method, &path, Some(body.clone())).await;
        assert_eq!(reply.issues(400), expected, "{method}");
        assert_eq!(reply.body["issues"][2]["message"], "lastName is required");
        // No issue shows a value, because it may be personal.
        assert!(!reply.body.to_string().contains("12345"));
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_its_rule() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let long = "x".repeat(300);
    let day = |days: u64| {
        let at = SystemTime::now() + Duration::from_secs(days * 24 * 3600);
        prost_types::Timestamp::from(at).to_string()[..10].to_owned()
    };
    let good = [
        json!({"phone": "+1 (202) 555-0143"}),
        json!({"phone": "+1234567"}),
        json!({"phone": "+123456789012345"}),
        json!({"dob": "1900-01-01"}),
        json!({"dob": "2000-02-29"}),
        json!({"dob": day(0)}),
        json!({"gender": "NonBinary"}),
        json!({"gender": null}),
        json!({"accountDetails": null}),
        json!({"accountDetails": uk(&"x".repeat(70), "12-34-56", "1234 5678")}),
        json!({"accountDetails": eu("Jane", "GB82 WEST 1234 5698 7654 32")}),
        json!({"tier": "x".repeat(64)}),
        json!({"enablePayroll": false}),
    ];
    for (number, more) in good.into_iter().enumerate() {
        let (made, _) = onsi.create(with(member(&format!("{number}@example.com")), more.clone())).await;
        for (name, value) in more.as_object().unwrap() {
            if !matches!(name.as_str(), "phone" | "accountDetails") {
                assert_eq!(&made[name], value);
            }
        }
    }
    let (invalid, bank) = ("BodyValidation", "BankAccountInvalid");
    let bad = [
        (json!({"email": ""}), invalid, "email"),
        (json!({"email": "a@b"}), invalid, "email"),
        (json!({"email": "a..b@example.com"}), invalid, "email"),
        (json!({"email": null}), invalid, "email"),
        (json!({"firstName": ""}), invalid, "firstName"),
        (json!({"lastName": long}), invalid, "lastName"),
        (json!({"tier": "x".repeat(65)}), invalid, "tier"),
        (json!({"phone": "07123456789"}), invalid, "phone"),
        (json!({"phone": "+123456"}), invalid, "phone"),
        (json!({"phone": "+1234567890123456"}), invalid, "phone"),
        (json!({"phone": ""}), invalid, "phone"),
        (json!({"phone": null}), invalid, "phone"),
        (json!({"workerId": ""}), invalid, "workerId"),
        (json!({"workerId": null}), invalid, "workerId"),
        (json!({"dob": "1899-12-31"}), invalid, "dob"),
        (json!({"dob": "2999-01-01"}), invalid, "dob"),
        // The day may change during the test.
        (json!({"dob": day(2)}), invalid, "dob"),
        (json!({"dob": "2023-02-29"}), invalid, "dob"),
        (json!({"dob": "1990-1-1"}), invalid, "dob"),
        (json!({"dob": null}), invalid, "dob"),
        (json!({"gender": "woman"}), invalid, "gender"),
        (json!({"enablePayroll": null}), invalid, "enablePayroll"),
        (json!({"enablePayroll": 1}), invalid, "enablePayroll"),
        (json!({"status": "active"}), invalid, "status"),
        (json!({"memberId": "mem_1"}), invalid, "memberId"),
        (json!({"accountDetails": "x"}), invalid, "accountDetails"),
        (json!({"accountDetails": []}), invalid, "accountDetails"),
        (json!({"accountDetails": {}}), invalid, "accountDetails"),
        (
            json!({"accountDetails": with(uk("Jane", "123456", "12345678"), eu("Jane", "DE89370400440532013000"))}),
            invalid,
            "accountDetails",
        ),
        (
            json!({"accountDetails": with(uk("Jane", "123456", "12345678"), json!({"bic": "X"}))}),
            invalid,
            "accountDetails.bic",
        ),
        (
            json!({"accountDetails": {"accountHolder": "Jane", "sortCode": "123456"}}),
            invalid,
            "accountDetails.accountNumber",
        ),
        (
            json!({"accountDetails": {"iban": "DE89370400440532013000"}}),
            invalid,
            "accountDetails.accountHolder",
        ),
        (json!({"accountDetails": uk("", "123456", "12345678")}), bank, "accountDetails.accountHolder"),
        (
            json!({"accountDetails": uk(&"x".repeat(71), "123456", "12345678")}),
            bank,
            "accountDetails.accountHolder",
        ),
        (json!({"accountDetails": uk("Jane", "12345x", "12345678")}), bank, "accountDetails.sortCode"),
        (json!({"accountDetails": uk("Jane", "123456", "1234567")}), bank, "accountDetails.accountNumber"),
        (json!({"accountDetails": eu("Jane", "DE88370400440532013000")}), bank, "accountDetails.iban"),
    ];
    let id = onsi.member("a@example.com", "invited").await;
    let (all, one) = ("members".to_owned(), format!("members/{id}"));
    for (more, code, path) in bad {
        for (method, to) in [("POST", &all), ("PUT", &one), ("PATCH", &one)] {
            if method == "PATCH" && more == json!({"workerId": null}) {
                // In a replacement the empty value removes the id.
                continue;
            }
            let body =
                if method == "PATCH" { more.clone() } else { with(member("bad@example.com"), more.clone()) };
            let reply = onsi.call(method, to, Some(body)).await;
            assert_eq!(reply.issues(400), [(code, path)], "{method} {more}");
        }
    }
    let several = uk("", "x", "y");
    let reply =
        onsi.call("POST", "members", Some(with(member("a@b.com"), json!({"accountDetails": several})))).await;
    assert_eq!(
        reply.issues(400),
        UK.map(|name| format!("accountDetails.{name}")).each_ref().map(|path| (bank, path.as_str()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_unknown_names_are_refused() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let text = r#"{"email": "a@b.com", "firstName": "A", "lastName": "B", "tier": "Gold", "email": "c@d.com", "shoe": 1,
        "shoe": {"size": [2]}, "accountDetails": {"accountHolder": "A", "iban": "DE89370400440532013000", "iban": "x"}}"#;
    let reply = onsi.send("POST", "members", "application/json", text.as_bytes()).await;
    let invalid = "BodyValidation";
    assert_eq!(
        reply.issues(400),
        [(invalid, "email"), (invalid, "accountDetails.iban"), (invalid, "shoe"), (invalid, "shoe")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_null_and_empty_differ() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let details = json!({
        "phone": "+447123456789", "workerId": "W1", "accountDetails": uk("Jane", "123456", "12345678"),
        "enablePayroll": true, "dob": "1990-01-01", "gender": "Male",
    });
    let full = with(member("a@example.com"), details.clone());
    let (made, id) = onsi.create(full.clone()).await;
    let path = format!("members/{id}");
    let patch = |body: Value| {
        let (onsi, path) = (onsi.clone(), path.clone());
        async move { onsi.call("PATCH", &path, Some(body)).await }
    };
    // An absent field does not change.
    assert_eq!(patch(json!({})).await.is(200), made);
    // Null clears a field where that is allowed.
    for name in ["workerId", "accountDetails", "gender"] {
        let after = patch(json!({(name): null})).await.is(200);
        assert_eq!(after[name], Value::Null);
        assert_eq!(patch(json!({(name): details[name]})).await.is(200), made);
    }
    for name in ["email", "firstName", "lastName", "tier", "phone", "dob", "enablePayroll"] {
        assert_eq!(patch(json!({(name): null})).await.issues(400), [("BodyValidation", name)]);
    }
    // An empty text is not a valid value of any field.
    for name in ["email", "firstName", "lastName", "tier", "phone", "workerId", "dob", "gender"] {
        assert_eq!(patch(json!({(name): ""})).await.issues(400), [("BodyValidation", name)]);
    }
    // A replacement clears absent fields, except bank details, which only null clears.
    let put = |body: Value| {
        let (onsi, path) = (onsi.clone(), path.clone());
        async move { onsi.call("PUT", &path, Some(body)).await }
    };
    let after = put(member("a@example.com")).await.is(200);
    for name in ["phone", "workerId", "dob", "gender"] {
        assert_eq!(after[name], Value::Null, "{name}");
    }
    assert_eq!(
        (&after["enablePayroll"], &after["accountDetails"]),
        (&json!(false), &details["accountDetails"])
    );
    let after = put(with(member("a@example.com"), json!({"accountDetails": null}))).await.is(200);
    assert_eq!(after["accountDetails"], Value::Null);
    assert_eq!(put(full).await.is(200), made);
    assert_eq!(
        put(json!({"firstName": "A"})).await.issues(400),
        [("BodyValidation", "email"), ("BodyValidation", "lastName"), ("BodyValidation", "tier")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_1_to_255_visible_characters() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let header = |key: &str| onsi.with(&format!("x-idempotency-key: {key}"));
    let id = onsi.member("a@example.com", "invited").await;
    let path = format!("members/{id}");
    for bad in ["", "a b", &"x".repeat(256), "\u{e9}"] {
        for (method, path, body) in [
            ("POST", "members".to_owned(), Some(member("b@example.com"))),
            ("PATCH", path.clone(), Some(json!({"tier": "Silver"}))),
            ("PUT", path.clone(), Some(member("b@example.com"))),
            ("DELETE", path.clone(), None),
            ("POST", format!("{path}/activate"), None),
        ] {
            let reply = header(bad).call(method, &path, body).await;
            assert_eq!(reply.issues(400), [("HeaderValidation", "x-idempotency-key")], "{bad:?} {method}");
        }
    }
    let twice = header("a").with("x-idempotency-key: a").call("DELETE", &path, None).await;
    assert_eq!(twice.issues(400), [("HeaderValidation", "x-idempotency-key")]);
    assert_eq!(onsi.get(&path).await.is(200)["status"], "invited");
    header(&"~".repeat(255)).call("DELETE", &path, None).await.is(200);
}
