//! Light calls: those that read one member, and are done after some microseconds. Their messages and replies
//! are small, because members are.
//!
//! Calls that write one member are not among them. They wait for the disk, and many of them at a time were
//! answered at 85 to 98 % of the rate when the task of their connection made them, with 9 % more CPU.

use crate::api::grpc::v1::member_service_server::SERVICE_NAME;

/// Its name, after that of the service.
const GET: &str = "/GetMember";

/// Whether a call with this path is light.
pub fn is_light(path: &str) -> bool {
    let called = path.strip_prefix('/').and_then(|path| path.strip_prefix(SERVICE_NAME));
    called == Some(GET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::methods::method;

    #[test]
    fn only_calls_that_read_one_member_are_light() {
        let path = |name: &str| format!("/{SERVICE_NAME}/{name}");
        let get = path("GetMember");
        assert!(is_light(&get) && method(&get).is_some_and(|method| !method.is_stream));
        for name in ["CreateMember", "ListMembers", "ImportMembers", "BulkUpsertMembers", "GetMembers", ""] {
            assert!(!is_light(&path(name)), "{name}");
        }
        for path in ["", "/", "GetMember", "/GetMember", "/publisher.v1.MemberBaseService/GetMember"] {
            assert!(!is_light(path), "{path}");
        }
    }
}
