//! Combines flags, environment variables and a file into settings, or returns a list of problems.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::advertised::Advertised;
use super::conflict;
use super::file::{self, File};
use super::origins::Origins;
use super::otlp;
use super::settings::{OFF, keys};
use super::store::{Secret, StoreUrl};
use super::units::{self, Time};
use super::values::{Config, EngineKind, LogFormat};
use super::variables::{PASSWORD, variable};

/// The smallest amount of memory that a server works well with, in bytes.
const MEMORY_MIN: u64 = 64 * 1024 * 1024;

/// Why a password may not stand on the command line.
const SHOWN: &str = "must have no password, because everybody on this machine can read command lines; put it in \
                     MEMBERBASE_STORE_PASSWORD, or in a file that --store-password-file names";

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Config {
    /// The settings from `flags`, `environment` and `file`: the first of them that has a setting decides.
    /// `environment` returns the value of a variable.
    pub fn load(
        flags: &BTreeMap<&str, String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<File<'_>>,
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let path = file.map(|file| file.path).unwrap_or_default();
        let file = file.map(|file| file::read(file, &mut problems)).unwrap_or_default();
        let mut config = Self::default();
        let mut sources = BTreeMap::new();
        for key in keys() {
            let given = flags.get(key).map(|text| (format!("--{key}"), text.clone()));
            let given = given.or_else(|| environment(&variable(key)).map(|text| (variable(key), text)));
            let given = given.or_else(|| file.get(key).map(|text| (format!("{path}: {key}"), text.clone())));
            let Some((source, text)) = given else { continue };
            match config.set(key, &text) {
                Ok(()) => {}
                // The text may hold a password.
                Err(rule) if key == "store" => problems.push(format!("{source}: {rule}")),
                Err(rule) => problems.push(format!("{source}: {rule}, not `{text}`")),
            }
            if key == "store" && flags.contains_key(key) && config.store_password.is_some() {
                problems.push(format!("{source}: {SHOWN}"));
            }
            sources.insert(key, (source, text));
        }
        if let Some(text) = environment(PASSWORD)
            && config.store_password.replace(Secret::of(&text)).is_some()
        {
            problems.push(format!("{PASSWORD}: the address of the database has a password already"));
        }
        conflict::check(&config, &sources, &mut problems);
        config.otlp = otlp::read(environment, &mut problems);
        config.check_retention(&mut problems);
        config.check_tls(&mut problems);
        config.check_exposure(&mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        match key {
            "listen" => self.listen = units::address(text)?,
            "admin-listen" if text == OFF => self.admin_listen = None,
            "admin-listen" => {
                self.admin_listen = Some(units::address(text).map_err(|rule| format!("{rule}, or off"))?);
            }
            "metrics-bases" => self.metrics_bases = units::count(text)?,
            // Whether that is allowed depends on `store`.
            "data" if text.is_empty() => {}
            "data" => self.data = PathBuf::from(text),
            "engine" => self.engine = engine(text)?,
            "store" => {
                let (store, password) = StoreUrl::parse(text)?;
                (self.store, self.store_password) = (Some(store), password);
            }
            "store-password-file" if text.is_empty() => return Err("must be the path of a file".to_owned()),
            "store-password-file" => self.store_password_file = Some(PathBuf::from(text)),
            "allow-async-replicas" => self.allow_async_replicas = units::boolean(text)?,
            "advertise" => self.advertise = Some(Advertised::parse(text)?),
            "lease-memberbases" => self.lease_memberbases = units::boolean(text)?,
            "memory" => self.memory = units::bytes(text)?,
            "reserve" => self.reserve = units::bytes(text)?,
            "snapshot-after" => self.snapshot_after = units::bytes(text)?,
            "drain-pause" => self.drain_pause = units::duration(text)?,
            "grace" => self.grace = units::duration(text)?,
            "stall-after" => self.stall_after = units::duration(text)?,
            "connections-per-peer" => self.connections_per_peer = Some(units::count(text)?),
            "log" => {
                self.log =
                    text.parse().map_err(|_| "must be off, error, warn, info, debug or trace".to_owned())?
            }
            "log-format" => self.log_format = log_format(text)?,
            "access-log" => self.access_log = units::boolean(text)?,
            "commit-retention" => self.commit_retention = units::duration(text)?,
            "delete-retention" => self.delete_retention = units::duration(text)?,
            "request-retention" => self.request_retention = units::duration(text)?,
            "request-room" => self.request_room = units::bytes(text)?,
            "job-retention" => self.job_retention = units::duration(text)?,
            "job-room" => self.job_room = units::bytes(text)?,
            "job-hold" => self.job_hold = units::duration(text)?,
            "body-limit" => self.body_limit = units::bytes(text)?,
            "no-console" => self.no_console = units::boolean(text)?,
            "web-origins" => self.web_origins = Origins::parse(text)?,
            "tls-cert" | "tls-key" | "tls-client-ca" | "peer-ca" if text.is_empty() => {
                return Err("must be the path of a PEM file".to_owned());
            }
            "tls-cert" => self.tls_cert = Some(PathBuf::from(text)),
            "tls-key" => self.tls_key = Some(PathBuf::from(text)),
            "tls-client-ca" => self.tls_client_ca = Some(PathBuf::from(text)),
            "peer-ca" => self.peer_ca = Some(PathBuf::from(text)),
            "insecure-no-auth" => self.insecure_no_auth = units::boolean(text)?,
            "insecure-plaintext" => self.insecure_plaintext = units::boolean(text)?,
            _ => return Err("is not a setting".to_owned()),
        }
        if key == "memory" && self.memory < MEMORY_MIN {
            return Err("must be at least 64MiB".to_owned());
        }
        if key == "stall-after" && self.stall_after.is_zero() {
            return Err("must be more than 0s".to_owned());
        }
        Ok(())
    }

    /// Refuses to drop the history, from which deleted members come back and jobs are reverted, before the
    /// time in which that is possible.
    fn check_retention(&self, problems: &mut Vec<String>) {
        let history = self.commit_retention;
        let needs = [
            ("delete-retention", self.delete_retention, "deleted members come back"),
            ("job-retention", self.job_retention, "jobs are reverted"),
        ];
        for (key, time, what) in needs {
            if history < time {
                problems.push(format!(
                    "commit-retention ({}) must not be shorter than {key} ({}), because {what} from the history \
                     of changes: raise the one or lower the other",
                    Time(history),
                    Time(time)
                ));
            }
        }
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
        if self.tls_cert.is_some() && self.advertise.as_ref().is_some_and(|address| !address.is_encrypted) {
            problems.push(
                "advertise: must begin with https://, because tls-cert encrypts all connections to the server"
                    .to_owned(),
            );
        }
    }

    /// Refuses to serve other machines without encryption unless the operator asked for it. Whether callers
    /// need a token is checked later, because it is not known before the store is open.
    fn check_exposure(&self, problems: &mut Vec<String>) {
        if self.listen.ip().is_loopback() {
            return;
        }
        let address = self.listen;
        if self.tls_cert.is_none() && !self.insecure_plaintext {
            problems.push(format!(
                "{address} can be reached from other machines, and connections are not encrypted: give \
                 --tls-cert and --tls-key, or give --insecure-plaintext to serve without encryption, for \
                 example behind a proxy that encrypts"
            ));
        }
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stop_with_the_defaults_leaves_time_to_close_the_store() {
        let Config { drain_pause, grace, .. } = Config::default();
        assert!(drain_pause + grace <= Duration::from_secs(8), "Docker kills after ten seconds");
    }

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
    fn a_flag_overrides_the_environment_which_overrides_the_file() {
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
            "listen" | "admin-listen" => "127.0.0.1:0",
            "data" | "tls-cert" | "tls-key" | "tls-client-ca" | "store-password-file" | "peer-ca" => "/tmp/x",
            "advertise" => "http://mb1:50051",
            "engine" => "memory",
            "store" => "postgres://mb@db/members",
            "memory" | "reserve" | "snapshot-after" | "request-room" | "job-room" | "body-limit" => "100MiB",
            "log" => "debug",
            "log-format" => "json",
            "connections-per-peer" | "metrics-bases" => "12",
            "web-origins" => "https://app.example.com",
            "access-log"
            | "no-console"
            | "insecure-no-auth"
            | "insecure-plaintext"
            | "allow-async-replicas"
            | "lease-memberbases" => "true",
            _ => "3h",
        };
        for key in keys() {
            // Each of the TLS settings needs the others, and a short history that nothing needs it longer.
            let others = match key {
                "tls-cert" => vec![("tls-key", "/tmp/x")],
                "tls-key" => vec![("tls-cert", "/tmp/x")],
                "tls-client-ca" => vec![("tls-cert", "/tmp/x"), ("tls-key", "/tmp/x")],
                "commit-retention" => vec![("delete-retention", "1h"), ("job-retention", "1h")],
                "peer-ca" | "lease-memberbases" => {
                    vec![("store", "postgres://mb@db/m"), ("advertise", "http://mb2:50051")]
                }
                "store-password-file" | "allow-async-replicas" | "advertise" => {
                    vec![("store", "postgres://mb@db/m")]
                }
                _ => Vec::new(),
            };
            let is_alone = matches!(key, "tls-cert" | "tls-key");
            let without = if is_alone { Config::default() } else { load(&others, &[], None).unwrap() };
            let flags = [others.clone(), vec![(key, value(key))]].concat();
            assert_ne!(load(&flags, &[], None).unwrap(), without, "{key}");
            assert_ne!(load(&others, &[(&variable(key), value(key))], None).unwrap(), without, "{key}");
            let quote = if value(key) == "true" { "" } else { "\"" };
            let file = format!("{key} = {quote}{}{quote}", value(key));
            assert_ne!(load(&others, &[], Some(&file)).unwrap(), without, "{key}");
        }
    }

    #[test]
    fn all_problems_are_reported_together() {
        let file = Some("colour = \"red\"\ngrace = \"soon\"");
        let problems = load(&[("memory", "1MiB"), ("listen", "here")], &[], file).unwrap_err().0;
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(
            problems.iter().any(|problem| problem.starts_with("m.toml: grace: must be a time")),
            "{problems:?}"
        );
    }

    #[test]
    fn history_is_kept_for_as_long_as_deleted_members_can_come_back_and_jobs_can_be_reverted() {
        for (flags, shorter) in [
            (&[("commit-retention", "29d"), ("job-retention", "29d")][..], "delete-retention"),
            (&[("delete-retention", "31d")], "delete-retention"),
            (&[("commit-retention", "29d"), ("delete-retention", "29d")], "job-retention"),
            (&[("job-retention", "31d")], "job-retention"),
        ] {
            let problems = load(flags, &[], None).unwrap_err().0;
            let [problem] = &problems[..] else { panic!("{problems:?}") };
            assert!(["commit-retention", shorter].iter().all(|name| problem.contains(name)), "{problem}");
        }
        for time in ["1s", "0s"] {
            let all = ["commit-retention", "delete-retention", "job-retention"].map(|key| (key, time));
            assert!(load(&all, &[], None).is_ok());
        }
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
