//! Records in exports.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_record_of_the_requested_kinds() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 30)).await;
    let mut client = records(&server);
    for id in &ids[..10] {
        client.save_clip(clip(id, "dc_1")).await.unwrap();
    }
    let events = (0..3_000).map(|i| event(&ids[i % 30], &format!("t{i}"))).collect();
    client.ingest_transactions(ingest(events)).await.unwrap();
    assert_eq!(exported(&mut client, &base.id, &[]).await, 3_010);
    assert_eq!(exported(&mut client, &base.id, &["clip"]).await, 10);
    assert_eq!(exported(&mut client, &base.id, &["transaction", "stamp_collection"]).await, 3_000);
    base.delete(vec![ids[0].clone()], Vec::new()).await;
    assert_eq!(exported(&mut client, &base.id, &[]).await, 2_909);
    let request = v1::ExportRecordsRequest {
        member_base_id: base.id.clone(),
        kinds: vec!["clip".into(), "coupon".into()],
        ..Default::default()
    };
    let status = client.export_records(request).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["kinds[1]"]);
}
