//! Light calls: those about one member, which read or change so little that they take some microseconds until
//! they are done or wait for the disk. Their messages and replies are small, because members are.

use crate::api::grpc::v1::member_service_server::SERVICE_NAME;

/// Their names, after that of the service.
const LIGHT: [&str; 7] = [
    "/GetMember",
    "/CreateMember",
    "/UpdateMember",
    "/ReplaceMember",
    "/RenameMember",
    "/ActivateMember",
    "/OffboardMember",
];

/// Whether a call with this path is light.
pub fn is_light(path: &str) -> bool {
    let called = path.strip_prefix('/').and_then(|path| path.strip_prefix(SERVICE_NAME));
    called.is_some_and(|called| LIGHT.contains(&called))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::methods::method;

    #[test]
    fn only_calls_about_one_member_are_light() {
        let path = |name: &str| format!("/{SERVICE_NAME}/{name}");
        for name in LIGHT {
            let path = format!("/{SERVICE_NAME}{name}");
            assert!(is_light(&path) && method(&path).is_some_and(|method| !method.is_stream), "{name}");
        }
        for name in ["ListMembers", "ImportMembers", "BulkUpsertMembers", "GetMembers", ""] {
            assert!(!is_light(&path(name)), "{name}");
        }
        for path in ["", "/", "GetMember", "/GetMember", "/publisher.v1.MemberBaseService/GetMember"] {
            assert!(!is_light(path), "{path}");
        }
    }
}
