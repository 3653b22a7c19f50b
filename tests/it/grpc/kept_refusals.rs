//! Bulk calls that ask to store their result even if they write nothing.

use memberbase::api::grpc::v1;
use tempfile::tempdir;

use super::idempotency::{is_replay, total};
use crate::harness::{Base, Process, connect, members, row, row_reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_refusal_is_repeated_although_the_rows_would_be_good_by_now() {
    let data = tempdir().unwrap();
    let mut process = Process::serve(data.path());
    let channel = connect(&process.address).await;
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel.clone());
    let named = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let id = bases.create_member_base(named).await.unwrap().into_inner().member_base.unwrap().id;
    let mut base = Base { id, client: members(&channel) };
    let taken = |r#ref: &str| v1::MemberInput { email: Some("a@x.example".into()), ..row(r#ref) };
    base.upsert(vec![taken("a")]).await;
    let call = |mode: v1::BulkMode, keep_refusal| v1::BulkUpsertMembersRequest {
        request_id: format!("{mode:?}"),
        mode: mode.into(),
        keep_refusal,
        ..base.request(vec![taken("b")])
    };
    let modes = [v1::BulkMode::Partial, v1::BulkMode::Atomic, v1::BulkMode::ValidateOnly];
    let mut answers = Vec::new();
    for mode in modes {
        let mut client = base.client.clone();
        let anew = client.bulk_upsert_members(call(mode, false)).await.unwrap();
        assert!(!is_replay(&anew));
        let first = client.bulk_upsert_members(call(mode, true)).await.unwrap();
        assert!(!is_replay(&first), "a refusal without keep_refusal must not be stored");
        assert_eq!(row_reason(&first.get_ref().results[0]), "EMAIL_TAKEN");
        answers.push(first.into_inner());
    }
    let (requests, id) = (modes.map(|mode| call(mode, true)), base.id.clone());
    base.delete(Vec::new(), vec!["a".into()]).await;
    process.signal(rustix::process::Signal::KILL);
    process.wait();
    let process = Process::serve(data.path());
    let mut client = members(&connect(&process.address).await);
    for (request, answer) in requests.iter().zip(&answers).take(2) {
        for keep_refusal in [true, false] {
            let request = v1::BulkUpsertMembersRequest { keep_refusal, ..request.clone() };
            let again = client.bulk_upsert_members(request).await.unwrap();
            assert!(is_replay(&again) && again.get_ref() == answer);
        }
    }
    let validated = client.bulk_upsert_members(requests[2].clone()).await.unwrap();
    assert!(
        !is_replay(&validated) && validated.get_ref().counts.unwrap().failed == 0,
        "no result of a VALIDATE_ONLY call may be stored"
    );
    let mut base = Base { id, client };
    assert_eq!(total(&mut base).await, 0);
}
