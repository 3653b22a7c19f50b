//! The results of jobs, as NDJSON and as CSV.

use serde_json::{Value, json};

use super::{HEADER, lines, list};
use crate::harness::Server;
use crate::http::onsi::{Onsi, member, with};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_and_every_offboarded_member_has_a_result() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let left = onsi.member("left@x.com", "active").await;
    let (_, same) = onsi.create(member("=same@x.com")).await;
    onsi.create(with(member("taken@x.com"), json!({ "workerId": "w1" }))).await;
    let text = format!(
        "{HEADER},worker_id\nnew@x.com,Jane,Smith,Gold,\n\n=same@x.com,Jane,Smith,Gold,\n\
         no\u{2028}body,Jane,Smith,Gold,w1\n"
    );
    for target in ["v1?dryRun=true", "v1"] {
        let job = onsi.apply(target, &text).await;
        let path = format!("members/jobs/{}/results", job["id"].as_str().unwrap());
        let reply = onsi.get(&path).await;
        assert!(reply.head.contains("content-type: application/x-ndjson\r\n"), "{}", reply.head);
        // Some programs would end a line there.
        assert!(reply.text.contains("no\\u2028body"), "{}", reply.text);
        let results: Vec<Value> =
            lines(&reply).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let shown: Vec<_> = results
            .iter()
            .map(|result| {
                (result["row"].as_u64(), result["key"].as_str(), result["outcome"].as_str().unwrap())
            })
            .collect();
        let expected = [
            (Some(2), Some("new@x.com"), "Added"),
            (Some(4), Some("=same@x.com"), "Unchanged"),
            (Some(5), Some("no\u{2028}body"), "Failed"),
            (None, Some("left@x.com"), "Offboarded"),
        ];
        assert_eq!(shown, expected, "{results:?}");
        assert_eq!((&results[1]["memberId"], &results[3]["memberId"]), (&json!(same), &json!(left)));
        assert_eq!((&results[2]["code"], &results[2]["path"]), (&json!("EMAIL_INVALID"), &json!("email")));
        assert!(results[2]["message"].as_str().unwrap().contains("email"));
        let is_dry_run = target.contains("dryRun");
        assert_eq!(
            (&results[0]["applied"], &results[3]["applied"]),
            (&json!(!is_dry_run), &json!(!is_dry_run))
        );
        let failed = lines(&onsi.get(&format!("{path}?failedOnly=true")).await);
        assert_eq!(failed.len(), 1, "{failed:?}");

        let reply = onsi.with("Accept: text/csv, application/json;q=0.1").get(&path).await;
        assert!(
            reply.head.contains("content-type: text/csv; charset=utf-8; header=present\r\n"),
            "{}",
            reply.head
        );
        let csv = lines(&reply);
        assert_eq!((csv.len(), csv[0].as_str()), (5, "row,key,memberId,outcome,code,path,message,applied"));
        assert!(csv[1].starts_with("2,new@x.com,"), "{csv:?}");
        // A spreadsheet must not run this as a formula.
        assert!(csv[2].starts_with(&format!("4,'=same@x.com,{same},Unchanged,,,,")), "{csv:?}");
        assert!(csv[4].starts_with(&format!(",left@x.com,{left},Offboarded,,,,")), "{csv:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_results_has_an_empty_file() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let job = onsi.apply("v1", &list(&[])).await;
    let path = format!("members/jobs/{}/results", job["id"].as_str().unwrap());
    assert!(lines(&onsi.get(&path).await).is_empty());
    assert_eq!(lines(&onsi.with("Accept: text/csv").get(&path).await).len(), 1);
    let refused = onsi.get(&format!("{path}?failedOnly=1&a=1")).await;
    assert_eq!(refused.issues(400), [("QueryValidation", "failedOnly"), ("QueryValidation", "a")]);
}
