//! The settings of a server: where they come from and what they may be.
//!
//! Every setting exists as a flag (`--delete-retention`), an environment variable (`MEMBERBASE_DELETE_RETENTION`) and a
//! key of a TOML file (`delete-retention`); the first of these that gives it counts, then the default. All problems are
//! found at once. Nothing here reads the environment, files or the command line: texts are passed in.

mod file;
mod settings;
pub mod units;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

pub use self::settings::{Form, SETTINGS, Setting};
use crate::model::words::{did_you_mean, nearest};

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Least memory that a server is useful with, in bytes.
const MEMORY_MIN: u64 = 64 * MIB;

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
    /// What keeps the data.
    pub engine: EngineKind,
    /// Memory to use, in bytes.
    pub memory: u64,
    /// Bytes of the disk that no request is written into.
    pub reserve: u64,
    /// Bytes of the log since the last snapshot at which the next one is due, unless that one is larger.
    pub snapshot_after: u64,
    /// How long calls under way may take when the server stops.
    pub grace: Duration,
    /// How long a message, a body or a reply may make no progress before it is ended.
    pub stall_after: Duration,
    /// Most connections of one address; `None` for half of those that there is room for.
    pub connections_per_peer: Option<usize>,
    /// How much is logged.
    pub log: LevelFilter,
    /// How long the history of changes is kept.
    pub commit_retention: Duration,
    /// How long deleted memberbases can be brought back.
    pub delete_retention: Duration,
    /// How long the answers to requests that name themselves are kept.
    pub request_retention: Duration,
    /// Bytes that these answers may take in the store.
    pub request_room: u64,
    /// Largest body of a JSON call, in bytes.
    pub body_limit: u64,
    /// The certificate of the port, with what leads to its authority: PEM. With it, connections are encrypted.
    pub tls_cert: Option<PathBuf>,
    /// Its private key: PEM.
    pub tls_key: Option<PathBuf>,
    /// The authorities whose certificates clients must show: PEM. Without it they show none.
    pub tls_client_ca: Option<PathBuf>,
    /// Serve other machines although callers need no token.
    pub insecure_no_auth: bool,
    /// Serve other machines although the connection is not encrypted.
    pub insecure_plaintext: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            data: PathBuf::from("./memberbase-data"),
            engine: EngineKind::Sled,
            memory: 512 * MIB,
            reserve: 512 * MIB,
            snapshot_after: 1024 * MIB,
            grace: Duration::from_secs(8),
            stall_after: Duration::from_secs(30),
            connections_per_peer: None,
            log: LevelFilter::INFO,
            commit_retention: 30 * DAY,
            delete_retention: 30 * DAY,
            request_retention: 7 * DAY,
            request_room: 1024 * MIB,
            body_limit: 256 * MIB,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            insecure_no_auth: false,
            insecure_plaintext: false,
        }
    }
}

/// What keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The embedded store in the data directory.
    Sled,
    /// Memory alone: everything is gone when the server stops. For tests.
    Memory,
}

/// The key of every setting.
pub fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

/// The environment variable of a setting.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// A file of settings, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its name, for who is told about a problem.
    pub path: &'a str,
    /// TOML.
    pub text: &'a str,
}

/// What begins the names of our variables.
pub const PREFIX: &str = "MEMBERBASE_";

/// What to tell about variables that look like settings and are none. They are no errors, because others make variables of
/// such names too: Kubernetes does for every service that is called memberbase. `names` is the whole environment, `others`
/// what our other commands read.
pub fn unknown_variables<'a>(names: impl IntoIterator<Item = &'a str>, others: &[&str]) -> Vec<String> {
    let known: Vec<String> = keys().chain(["config"]).map(variable).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(others.iter().copied()).collect();
    let unknown = names.into_iter().filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    let tell = |name: &str| {
        let meant = nearest(
            name.strip_prefix(PREFIX).unwrap_or(name),
            known.iter().filter_map(|known| known.strip_prefix(PREFIX)),
        );
        let meant = did_you_mean(meant.map(|meant| format!("{PREFIX}{meant}")));
        format!("the variable {name} is not a setting, and does not count{meant}")
    };
    unknown.map(tell).collect()
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Config {
    /// The settings that `flags`, then `environment`, then `file` give. `environment` answers variables by
    /// their names.
    pub fn load(
        flags: &BTreeMap<&str, String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<File<'_>>,
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let path = file.map(|file| file.path).unwrap_or_default();
        let file = file.map(|file| file::read(file, &mut problems)).unwrap_or_default();
        let mut config = Self::default();
        for key in keys() {
            let given = flags.get(key).map(|text| (format!("--{key}"), text.clone()));
            let given = given.or_else(|| environment(&variable(key)).map(|text| (variable(key), text)));
            let given = given.or_else(|| file.get(key).map(|text| (format!("{path}: {key}"), text.clone())));
            if let Some((source, text)) = given
                && let Err(rule) = config.set(key, &text)
            {
                problems.push(format!("{source}: {rule}, not `{text}`"));
            }
        }
        config.check_tls(&mut problems);
        config.check_exposure(&mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        match key {
            "listen" => self.listen = units::address(text)?,
            "data" if text.is_empty() => return Err("must be the path of a folder".to_owned()),
            "data" => self.data = PathBuf::from(text),
            "engine" => self.engine = engine(text)?,
            "memory" => self.memory = units::bytes(text)?,
            "reserve" => self.reserve = units::bytes(text)?,
            "snapshot-after" => self.snapshot_after = units::bytes(text)?,
            "grace" => self.grace = units::duration(text)?,
            "stall-after" => self.stall_after = units::duration(text)?,
            "connections-per-peer" => self.connections_per_peer = Some(units::count(text)?),
            "log" => {
                self.log =
                    text.parse().map_err(|_| "must be off, error, warn, info, debug or trace".to_owned())?
            }
            "commit-retention" => self.commit_retention = units::duration(text)?,
            "delete-retention" => self.delete_retention = units::duration(text)?,
            "request-retention" => self.request_retention = units::duration(text)?,
            "request-room" => self.request_room = units::bytes(text)?,
            "body-limit" => self.body_limit = units::bytes(text)?,
            "tls-cert" | "tls-key" | "tls-client-ca" if text.is_empty() => {
                return Err("must be the path of a PEM file".to_owned());
            }
            "tls-cert" => self.tls_cert = Some(PathBuf::from(text)),
            "tls-key" => self.tls_key = Some(PathBuf::from(text)),
            "tls-client-ca" => self.tls_client_ca = Some(PathBuf::from(text)),
            "insecure-no-auth" => self.insecure_no_auth = units::boolean(text)?,
            "insecure-plaintext" => self.insecure_plaintext = units::boolean(text)?,
            _ => return Err("is not a setting".to_owned()),
        }
        if key == "memory" && self.memory < MEMORY_MIN {
            return Err("must be at least 64MiB".to_owned());
        }
        if key == "stall-after" && self.stall_after.is_zero() {
            return Err("must be more than nothing".to_owned());
        }
        Ok(())
    }

    fn check_tls(&self, problems: &mut Vec<String>) {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => {
                problems.push("tls-cert: needs the key of the certificate, tls-key".to_owned())
            }
            (None, Some(_)) => {
                problems.push("tls-key: needs the certificate of the key, tls-cert".to_owned())
            }
            (None, None) if self.tls_client_ca.is_some() => {
                problems.push("tls-client-ca: needs tls-cert and tls-key".to_owned());
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Other machines are served only by somebody who said that they know what it means. Whether callers need a token is
    /// not known before the store is open.
    fn check_exposure(&self, problems: &mut Vec<String>) {
        if self.listen.ip().is_loopback() {
            return;
        }
        let address = self.listen;
        if self.tls_cert.is_none() && !self.insecure_plaintext {
            problems.push(format!(
                "{address} can be reached from other machines, and connections are not encrypted: give --tls-cert and \
                 --tls-key, or, to serve it all the same, for example behind a proxy that encrypts, --insecure-plaintext"
            ));
        }
    }
}

fn engine(text: &str) -> Result<EngineKind, String> {
    match text {
        "sled" => Ok(EngineKind::Sled),
        "memory" => Ok(EngineKind::Memory),
        _ => Err("must be sled or memory".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        flags: &[(&'static str, &str)],
        env: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<Config, Problems> {
        let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        let env: BTreeMap<String, String> =
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let file = file.map(|text| File { path: "m.toml", text });
        Config::load(&flags, |name| env.get(name).cloned(), file)
    }

    #[test]
    fn a_flag_counts_before_the_environment_and_that_before_the_file() {
        let file = Some("memory = \"1GiB\"\ngrace = \"1s\"\nreserve = 5");
        let env = [("MEMBERBASE_MEMORY", "2GiB"), ("MEMBERBASE_GRACE", "2s")];
        let config = load(&[("memory", "3GiB")], &env, file).unwrap();
        assert_eq!(config.memory, 3 << 30);
        assert_eq!(config.grace, Duration::from_secs(2));
        assert_eq!(config.reserve, 5);
        assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    }

    #[test]
    fn every_setting_can_be_given_in_every_way() {
        let value = |key: &str| match key {
            "listen" => "127.0.0.1:0",
            "data" | "tls-cert" | "tls-key" | "tls-client-ca" => "/tmp/x",
            "engine" => "memory",
            "memory" | "reserve" | "snapshot-after" | "request-room" | "body-limit" => "100MiB",
            "log" => "debug",
            "connections-per-peer" => "12",
            "insecure-no-auth" | "insecure-plaintext" => "true",
            _ => "3h",
        };
        for key in keys() {
            // One of these alone is a mistake.
            let others = ["tls-cert", "tls-key"].map(|other| (other, "/tmp/x"));
            let others = others.iter().filter(|(other, _)| key.starts_with("tls") && *other != key);
            let others: Vec<_> = others.copied().collect();
            let without =
                if key == "tls-client-ca" { load(&others, &[], None).unwrap() } else { Config::default() };
            let flags = [others.clone(), vec![(key, value(key))]].concat();
            assert_ne!(load(&flags, &[], None).unwrap(), without, "{key}");
            assert_ne!(load(&others, &[(&variable(key), value(key))], None).unwrap(), without, "{key}");
            let quote = if key.starts_with("insecure") { "" } else { "\"" };
            let file = format!("{key} = {quote}{}{quote}", value(key));
            assert_ne!(load(&others, &[], Some(&file)).unwrap(), without, "{key}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let file = Some("colour = \"red\"\ngrace = \"soon\"");
        let problems = load(&[("memory", "1MiB"), ("listen", "here")], &[], file).unwrap_err().0;
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(
            problems.iter().any(|problem| problem.starts_with("m.toml: grace: must be a time")),
            "{problems:?}"
        );
    }

    #[test]
    fn variables_that_look_like_settings_are_told() {
        let names = [
            "PATH",
            "MEMBERBASE_DATA",
            "MEMBERBASE_CONFIG",
            "MEMBERBASE_TOKEN",
            "MEMBERBASE_TSL_CERT",
            "MEMBERBASE_X",
        ];
        let told = unknown_variables(names, &["MEMBERBASE_TOKEN"]);
        let expected = [
            "the variable MEMBERBASE_TSL_CERT is not a setting, and does not count; did you mean MEMBERBASE_TLS_CERT?",
            "the variable MEMBERBASE_X is not a setting, and does not count",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn other_machines_are_served_only_on_purpose() {
        let problems = load(&[("listen", "0.0.0.0:50051")], &[], None).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{problems:?}");
        let flags = [("listen", "0.0.0.0:50051"), ("insecure-plaintext", "true")];
        assert!(load(&flags, &[], None).is_ok());
        assert!(load(&[("listen", "[::1]:0")], &[], None).is_ok());
        let encrypted = [("listen", "0.0.0.0:50051"), ("tls-cert", "c.pem"), ("tls-key", "k.pem")];
        assert!(load(&encrypted, &[], None).is_ok());
    }

    #[test]
    fn a_certificate_needs_its_key_and_the_other_way_round() {
        for key in ["tls-cert", "tls-key", "tls-client-ca"] {
            let problems = load(&[(key, "x.pem")], &[], None).unwrap_err().0;
            assert!(problems.len() == 1 && problems[0].starts_with(key), "{problems:?}");
        }
    }
}
