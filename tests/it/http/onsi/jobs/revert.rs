//! Taking back what a job did.

use serde_json::json;

use super::list;
use crate::harness::Server;
use crate::http::onsi::Onsi;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_did_is_taken_back_by_another_one() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    onsi.apply("v1", &list(&["a@x.com", "b@x.com", "c@x.com"])).await;
    let done = onsi
        .apply("v1", &list(&["a@x.com", "b@x.com", "new@x.com"]).replace("b@x.com,Jane", "b@x.com,Joan"))
        .await;
    let path = format!("members/jobs/{}/revert", done["id"].as_str().unwrap());
    let planned = onsi.settled(&onsi.call("POST", &format!("{path}?dryRun=true"), None).await).await;
    let summary = json!({
        "toAdd": 0, "toUpdate": 1, "toReactivate": 1, "toOffboard": 1, "unchanged": 0, "failed": 0,
    });
    assert_eq!((&planned["summary"], &planned["progress"]["type"]), (&summary, &json!("Completed")));
    assert_eq!(onsi.member_of("c@x.com").await["status"], "inactive");
    let accepted = onsi.call("POST", &path, None).await;
    let taken_back = onsi.settled(&accepted).await;
    let progress =
        json!({ "type": "Completed", "totalActions": 3, "totalComplete": 3, "totalProcessing": 0 });
    assert_eq!(taken_back["progress"], progress, "{taken_back}");
    assert_eq!(onsi.member_of("c@x.com").await["status"], "invited");
    assert_eq!(onsi.member_of("b@x.com").await["firstName"], "Jane");
    assert_eq!(onsi.get("members?emails=new@x.com").await.is(200)["total"], 0);
    let id = taken_back["id"].as_str().unwrap();
    let text = onsi.get(&format!("members/jobs/{id}/results")).await.text;
    for word in ["\"Updated\"", "\"Reactivated\"", "\"Deleted\""] {
        assert_eq!(text.matches(word).count(), 1, "{text}");
    }
    assert_eq!(onsi.call("POST", &format!("{path}?a=1"), None).await.issues(400), [("QueryValidation", "a")]);
}
