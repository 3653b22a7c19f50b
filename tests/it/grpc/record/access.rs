//! Which tokens may read and write records.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn records_need_the_same_rights_as_their_members() {
    use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
    use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
    use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
    let (server, secret) = Server::start_with_token().await;
    let admin = Bearer(secret);
    let mut bases = MemberBaseServiceClient::with_interceptor(server.channel(), admin.clone());
    let mut members = MemberServiceClient::with_interceptor(server.channel(), admin.clone());
    let mut tokens = ApiTokenServiceClient::with_interceptor(server.channel(), admin);
    let (mut ids, mut member_ids) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
        let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: base.id.clone(),
            members: vec![row("a")],
            ..Default::default()
        };
        let reply = members.bulk_upsert_members(request).await.unwrap().into_inner();
        member_ids.push(reply.results[0].id.clone());
        ids.push(base.id);
    }
    for (access, bound) in [("read", false), ("write", false), ("write", true)] {
        let request = v1::CreateApiTokenRequest {
            access: access.into(),
            member_base_id: bound.then(|| ids[0].clone()),
            ..Default::default()
        };
        let secret = tokens.create_api_token(request).await.unwrap().into_inner().token;
        let mut client = RecordServiceClient::with_interceptor(server.channel(), Bearer(secret));
        for (place, (base, member)) in ids.iter().zip(&member_ids).enumerate() {
            let member_id = || member.clone();
            let sees = !bound || place == 0;
            let may_write = sees && access == "write";
            let list = v1::ListClipsRequest { member_id: member_id(), ..Default::default() };
            let stamps = v1::ListStampCollectionsRequest { member_id: member_id(), ..Default::default() };
            let transactions = v1::ListTransactionsRequest { member_id: member_id(), ..Default::default() };
            let export = v1::ExportRecordsRequest { member_base_id: base.clone(), ..Default::default() };
            let delete = v1::DeleteClipRequest {
                member_id: member_id(),
                creative_id: Some("dc_1".into()),
                ..Default::default()
            };
            let add = v1::AddStampsRequest {
                member_id: member_id(),
                external_id: Some("sc_1".into()),
                stamps: 1,
                ..Default::default()
            };
            let answers = [
                (may_write, client.save_clip(clip(member, "dc_1")).await.err()),
                (may_write, client.create_stamp_collection(enrolment(member, "sc_1")).await.err()),
                (may_write, client.add_stamps(add).await.err()),
                (may_write, client.ingest_transactions(ingest(vec![event(member, "t1")])).await.err()),
                (sees, client.list_clips(list).await.err()),
                (sees, client.list_stamp_collections(stamps).await.err()),
                (sees, client.list_transactions(transactions).await.err()),
                (sees, client.export_records(export).await.err()),
                (may_write, client.delete_clip(delete).await.err()),
            ];
            for (number, (allowed, status)) in answers.into_iter().enumerate() {
                match status {
                    None => assert!(allowed, "{access} {bound} {place} {number}"),
                    Some(status) => {
                        assert!(!allowed, "{access} {bound} {place} {number}: {status:?}");
                        refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
                    }
                }
            }
        }
    }
}
