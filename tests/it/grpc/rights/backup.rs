//! A backup contains the complete data of all members.

use memberbase::api::grpc::v1;
use tonic::Code;

use crate::grpc::caller::{caller, wanted};
use crate::harness::{Server, is_in_folders, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_needs_the_pii_right() {
    if !is_in_folders() {
        return;
    }
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    admin.base().await;
    for (pii, is_allowed) in [(Some(false), false), (Some(true), true), (None, true)] {
        let created = admin.token(v1::CreateApiTokenRequest { pii, ..wanted("admin") }).await;
        let mut holder = caller(&server, &created.token);
        let begun = holder.backups.stream_backup(v1::StreamBackupRequest::default()).await;
        if is_allowed {
            assert!(begun.unwrap().into_inner().message().await.unwrap().is_some());
            continue;
        }
        let status = begun.unwrap_err();
        refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
        assert!(status.message().contains("a backup contains bank details and dates of birth"), "{status:?}");
    }
}
