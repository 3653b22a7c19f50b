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
/// The path at which a server proves to another one that it is active.
pub const HELLO: &str = "/memberbase/active";
/// The path at which a standby asks for a lease.
pub const LEASES: &str = "/memberbase/lease";
/// The paths of probes, and these.
const PROBES: [&str; 5] = ["/healthz", "/readyz", "/activez", HELLO, LEASES];

/// A method of a gRPC service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rpc {
    /// Its place among all methods; 0 is that of methods that do not exist.
    pub place: usize,
    /// Its full name: `publisher.v1.MemberService/GetMember`.
    pub name: &'static str,
    /// Whether it takes a stream.
    pub streams_in: bool,
    /// Whether it replies with a stream.
    pub streams: bool,
}

/// A route of a JSON door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its place among all routes; 0 is that of routes that do not exist.
    pub place: usize,
    /// The door.
    pub door: &'static str,
    /// Its path, with the names of parameters in braces.
    pub path: &'static str,
}

/// The method of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    /// Its place among [`VERBS`]; the last one is that of all others.
    pub place: usize,
    /// Its name.
    pub name: &'static str,
}

/// How many places of HTTP methods there are.
pub const VERBS: usize = METHODS.len() + 1;

/// All calls. They are constants of the program, which are computed once.
static KNOWN: LazyLock<Known> = LazyLock::new(Known::new);

struct Known {
    /// By path, with its leading slash.
    rpcs: HashMap<&'static str, Rpc>,
    routes: matchit::Router<Route>,
    /// How many places of routes there are.
    places: usize,
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
                        let place = rpcs.len() + 1;
                        let (streams_in, streams) = (method.client_streaming(), method.server_streaming());
                        rpcs.insert(path, Rpc { place, name, streams_in, streams });
                    }
                }
            }
        }
        let (mut routes, mut places) = (matchit::Router::new(), 1);
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
                if routes.insert(path, Route { place: places, door, path }).is_ok() {
                    places += 1;
                }
            }
        }
        Self { rpcs, routes, places }
    }
}

/// How many places of gRPC methods there are.
pub fn rpc_places() -> usize {
    KNOWN.rpcs.len() + 1
}

/// How many places of routes there are.
pub fn route_places() -> usize {
    KNOWN.places
}

/// The gRPC method with this path.
pub fn rpc(path: &str) -> Rpc {
    KNOWN.rpcs.get(path).copied().unwrap_or(Rpc { place: 0, name: OTHER, streams_in: false, streams: false })
}

/// Whether a call with this path sends a stream.
pub fn streams_in(path: &str) -> bool {
    rpc(path).streams_in
}

/// The route of a JSON door to which this path leads.
pub fn route(path: &str) -> Route {
    KNOWN.routes.at(path).map_or(Route { place: 0, door: NO_DOOR, path: OTHER }, |found| *found.value)
}

/// The method of an HTTP request.
pub fn verb(method: &str) -> Verb {
    let known = METHODS.into_iter().enumerate().find(|(_, known)| *known == method);
    known.map_or(Verb { place: METHODS.len(), name: OTHER }, |(place, name)| Verb { place, name })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_call_is_known_and_no_other_path_is() {
        let name = "publisher.v1.MemberService/GetMember";
        let found = rpc("/publisher.v1.MemberService/GetMember");
        assert_eq!((found.name, found.streams), (name, false));
        assert!(rpc("/publisher.v1.MemberService/ExportMembers").streams);
        assert!(rpc("/publisher.v1.MemberService/UpsertMembers").streams_in);
        assert!(!rpc("/publisher.v1.MemberService/ExportMembers").streams_in);
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
            assert_eq!((route(path).door, route(path).path), (door, template), "{path}");
        }
        assert_eq!((verb("PUT").name, verb("BREW").name), ("PUT", OTHER));
    }

    #[test]
    fn every_call_has_a_place_of_its_own() {
        let rpcs: HashSet<usize> = KNOWN.rpcs.values().map(|rpc| rpc.place).collect();
        assert_eq!(rpcs, (1..rpc_places()).collect());
        let paths = [publisher::paths(), onsi::paths(), orbiit::paths(), console::paths()].concat();
        let routes: HashSet<usize> =
            paths.iter().map(|path| route(&path.replace(['{', '}'], "")).place).collect();
        // The probes are the last ones.
        assert_eq!(routes, (1..route_places() - PROBES.len()).collect());
        let verbs: HashSet<usize> =
            METHODS.into_iter().chain(["BREW"]).map(|name| verb(name).place).collect();
        assert_eq!(verbs, (0..VERBS).collect());
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
