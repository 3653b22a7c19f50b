//! Which key may make which call about which job.

use serde_json::json;

use super::list;
use crate::harness::Server;
use crate::http::onsi::Onsi;
use crate::http::onsi::calls::job_calls;
use crate::http::{Http, Reply};

/// A well-formed id that no store ever assigned.
const NO_JOB: &str = "maj_00000000000000000000000000";

async fn token(admin: &Http, access: &str, base: &str) -> String {
    let made = admin.ok("api-token/create", json!({ "access": access, "member_base_id": base })).await;
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_jobs_need_a_key_with_enough_access_to_their_memberbase() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let (own, other) = (admin.base().await, admin.base().await);
    let client = |key: &str, base: Option<&str>| Onsi::new(&server, Some(key), base);
    let (reader, writer) = (token(&admin, "read", &own).await, token(&admin, "write", &own).await);
    let elsewhere = token(&admin, "write", &other).await;
    let done = client(&writer, None).apply("v1", &list(&["a@x.com"])).await;
    let id = done["id"].as_str().unwrap();
    for call in job_calls(id) {
        let without = call.of(&Onsi::new(&server, None, None)).await;
        assert_eq!(without.issues(401), [("HeaderValidation", "x-api-key")], "{call:?}");
        let read = call.of(&client(&reader, None)).await;
        if call.needs == "read" {
            read.is_status(call.status);
        } else {
            assert_eq!(read.issues(403), [("Forbidden", "-")], "{call:?}");
        }
        let write = call.of(&client(&writer, None)).await;
        if call.needs == "admin" {
            assert_eq!(write.issues(403), [("Forbidden", "-")], "{call:?}");
        } else {
            write.is_status(call.status);
        }
        call.of(&client(&secret, Some(&own))).await.is_status(call.status);
        assert_eq!(
            call.of(&client(&writer, Some(&other))).await.issues(403),
            [("Forbidden", "-")],
            "{call:?}"
        );
        if call.path.contains(id) {
            // The other forms of the id are the same job, and one of another memberbase does not exist here.
            let same = call.about(&id.replace("maj_", "job_"));
            same.of(&client(&secret, Some(&own))).await.is_status(call.status);
            for onsi in [client(&secret, Some(&other)), client(&elsewhere, None)] {
                let status = call.of(&onsi).await.status;
                assert!(matches!(status, 403 | 404), "{call:?}: {status}");
            }
            let missing = call.about(NO_JOB).of(&client(&secret, Some(&own))).await;
            assert_eq!(missing.issues(404), [("NotFound", "-")], "{call:?}");
            let malformed = call.about("maj_1").of(&client(&secret, Some(&own))).await;
            assert_eq!(malformed.issues(400), [("PathValidation", "jobId")], "{call:?}");
        }
    }
}

impl Reply {
    #[track_caller]
    fn is_status(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }
}
