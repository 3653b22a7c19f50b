//! The calls that there are: what a request is counted as follows from its path.

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt};
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::api::grpc::v1;
use crate::api::http::{console, onsi, orbiit, publisher};

/// What the semantic conventions call a method or a route that does not exist.
pub const OTHER: &str = "_OTHER";

/// Methods of HTTP requests that are counted under their names.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// The descriptions of all services.
const SETS: [&[u8]; 4] = [
    v1::DESCRIPTORS,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];
/// The door of paths that are at no door.
const NO_DOOR: &str = "none";
/// The paths of probes.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// A method of a gRPC service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rpc {
    /// Its full name: `publisher.v1.MemberService/GetMember`.
    pub name: &'static str,
    /// Whether it replies with a stream.
    pub streams: bool,
}

/// A route of a JSON door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The door.
    pub door: &'static str,
    /// Its path, with the names of parameters in braces.
    pub path: &'static str,
}

/// All calls. They are constants of the program, which are computed once.
static KNOWN: LazyLock<Known> = LazyLock::new(Known::new);

struct Known {
    /// By path, with its leading slash.
    rpcs: HashMap<&'static str, Rpc>,
    routes: matchit::Router<Route>,
}

impl Known {
    fn new() -> Self {
        let mut rpcs = HashMap::new();
        for set in SETS {
            // The program contains these bytes, so decoding them cannot fail; a test finds all methods.
            for file in FileDescriptorSet::decode(set).unwrap_or_default().file {
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                        let path: &'static str = path.leak();
                        let name = path.strip_prefix('/').unwrap_or(path);
                        rpcs.insert(path, Rpc { name, streams: method.server_streaming() });
                    }
                }
            }
        }
        let mut routes = matchit::Router::new();
        let probes = PROBES.map(str::to_owned).to_vec();
        let doors = [
            ("publisher", publisher::paths()),
            ("onsi", onsi::paths()),
            ("orbiit", orbiit::paths()),
            ("console", console::paths()),
            (NO_DOOR, probes),
        ];
        for (door, paths) in doors {
            for path in paths {
                let path: &'static str = path.leak();
                // Fails only for a path that is there already: one path may have several methods.
                drop(routes.insert(path, Route { door, path }));
            }
        }
        Self { rpcs, routes }
    }
}

/// The gRPC method with this path.
pub fn rpc(path: &str) -> Rpc {
    KNOWN.rpcs.get(path).copied().unwrap_or(Rpc { name: OTHER, streams: false })
}

/// The route of a JSON door to which this path leads.
pub fn route(path: &str) -> Route {
    KNOWN.routes.at(path).map_or(Route { door: NO_DOOR, path: OTHER }, |found| *found.value)
}

/// The method of an HTTP request.
pub fn method(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_known_and_no_other_path_is() {
        let name = "publisher.v1.MemberService/GetMember";
        assert_eq!(rpc("/publisher.v1.MemberService/GetMember"), Rpc { name, streams: false });
        assert!(rpc("/publisher.v1.MemberService/ExportMembers").streams);
        assert_eq!(rpc("/grpc.health.v1.Health/Check").name, "grpc.health.v1.Health/Check");
        assert_eq!(rpc("/publisher.v1.MemberService/Guess").name, OTHER);
        for (path, door, template) in [
            ("/publisher.v1/member/get", "publisher", "/publisher.v1/member/get"),
            ("/v1/members/m_1", "onsi", "/v1/members/{id}"),
            ("/v0/openapi.json", "orbiit", "/v0/openapi.json"),
            ("/console/jobs/job_1", "console", "/console/jobs/{job}"),
            ("/v1/guess", "none", OTHER),
            ("/readyz", "none", "/readyz"),
            ("/", "none", OTHER),
        ] {
            assert_eq!(route(path), Route { door, path: template }, "{path}");
        }
        assert_eq!((method("PUT"), method("BREW")), ("PUT", OTHER));
    }

    #[test]
    fn all_paths_of_the_doors_have_a_place_of_their_own() {
        let paths = [publisher::paths(), onsi::paths(), orbiit::paths(), console::paths()].concat();
        assert!(paths.len() > 40);
        for path in paths {
            let filled = path.replace(['{', '}'], "");
            assert_eq!(route(&filled).path, path);
        }
    }
}
