//! Full lists and batches at the Onsi door, and the jobs that apply them.

mod access;
mod batch;
mod batch_refused;
mod files;
mod lists;
mod results;
mod revert;
mod review;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Onsi, content};
use crate::harness::PATIENCE;
use crate::http::Reply;

/// The columns that a list must have.
const HEADER: &str = "email,first_name,last_name,tier";

/// A list of members with these addresses.
fn list(emails: &[&str]) -> String {
    let rows: String = emails.iter().map(|email| format!("{email},Jane,Smith,Gold\n")).collect();
    format!("{HEADER}\n{rows}")
}

/// The body of a form with this file, and its content type.
fn form(file: &[u8]) -> (&'static str, Vec<u8>) {
    let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\
                Content-Type: text/csv\r\n\r\n";
    ("multipart/form-data; boundary=edge", [head.as_bytes(), file, b"\r\n--edge--\r\n"].concat())
}

/// The lines of a reply that is sent in chunks.
fn lines(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut rest = reply.text.as_str();
    let mut text = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    text.lines().map(str::to_owned).collect()
}

impl Onsi {
    /// Sends a list to `/vVERSION/members/jobs/csvQUERY`.
    pub async fn put_list(&self, target: &str, list: &str) -> Reply {
        let (version, query) = target.split_once('?').unwrap_or((target, ""));
        let path = format!("/{version}/members/jobs/csv{}{query}", if query.is_empty() { "" } else { "?" });
        self.raw("PUT", &path, &content("text/csv", list.as_bytes()), list.as_bytes()).await
    }

    /// Sends a batch of these actions to `members/jobsQUERY`.
    pub async fn post_batch(&self, query: &str, actions: Value) -> Reply {
        self.call("POST", &format!("members/jobs{query}"), Some(json!({ "actions": actions }))).await
    }

    /// Sends a batch, and asserts that its job does everything; returns the job.
    pub async fn run_batch(&self, actions: Value) -> Value {
        let job = self.settled(&self.post_batch("", actions).await).await;
        assert_eq!(job["progress"]["type"], "Completed", "{job}");
        job
    }

    /// The results of a job, one object each.
    pub async fn results(&self, job: &Value) -> Vec<Value> {
        let path = format!("members/jobs/{}/results", job["id"].as_str().unwrap());
        let lines = lines(&self.get(&path).await);
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until the plan of the job awaits a review, or the job has ended; returns it.
    pub async fn settled(&self, accepted: &Reply) -> Value {
        let id = accepted.is(202)["jobId"].as_str().unwrap().to_owned();
        assert!(id.starts_with("maj_") && id.len() == 30, "{id}");
        self.settled_job(&id).await
    }

    pub async fn settled_job(&self, id: &str) -> Value {
        let wait = async {
            loop {
                let job = self.get(&format!("members/jobs/{id}")).await.is(200);
                match job["progress"]["type"].as_str().unwrap() {
                    "NotReady" | "Processing" => tokio::time::sleep(Duration::from_millis(10)).await,
                    _ => return job,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the job does not end")
    }

    /// Sends a list, and asserts that it is applied; returns the job.
    pub async fn apply(&self, target: &str, list: &str) -> Value {
        let job = self.settled(&self.put_list(target, list).await).await;
        assert_eq!(job["progress"]["type"], "Completed", "{job}");
        job
    }

    /// The member with this address.
    pub async fn member_of(&self, email: &str) -> Value {
        let found = self.get(&format!("members?emails={email}")).await.is(200);
        assert_eq!(found["total"], 1, "{email}: {found}");
        found["members"][0].clone()
    }
}
