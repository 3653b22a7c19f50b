//! The list of all settings: each has its key, a sentence about it, and its value as text.
//!
//! `--print-config` prints this list. Tests compare the example file (docs/memberbase.toml) and the table in
//! docs/operations.md with it.

use std::fmt::Write;
use std::path::PathBuf;

use super::origins::Origins;
use super::units::{Bytes, Time};
use super::values::{Config, EngineKind, LogFormat};

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// How its value is written in a file.
    pub form: Form,
    /// A sentence about it.
    pub about: &'static str,
    /// Its value as text, which is read back as the same value; `None` if it is not set.
    pub value: fn(&Config) -> Option<String>,
}

/// How the value of a setting is written in a TOML file, which distinguishes texts, numbers and booleans.
/// Flags and environment variables are always texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In quotes.
    Text,
    /// A size or a time: in quotes, or a number.
    Amount,
    /// `true` or `false`.
    Flag,
}

/// The value of an address that is not served.
pub const OFF: &str = "off";

/// Every setting, in the order of the documents.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        form: Form::Text,
        about: "Address and port to listen on; port 0 takes a free port.",
        value: |config| Some(config.listen.to_string()),
    },
    Setting {
        key: "admin-listen",
        form: Form::Text,
        about: "Address and port of metrics and probes, without encryption and tokens; off for none.",
        value: |config| Some(config.admin_listen.map_or(OFF.to_owned(), |address| address.to_string())),
    },
    Setting {
        key: "metrics-bases",
        form: Form::Amount,
        about: "How many memberbases have labels of their own in the metrics; the others are one.",
        value: |config| Some(config.metrics_bases.to_string()),
    },
    Setting {
        key: "data",
        form: Form::Text,
        about: "The data directory; only one process can use it at a time.",
        value: |config| of_folder(config, || config.data.display().to_string()),
    },
    Setting {
        key: "engine",
        form: Form::Text,
        about: "The storage engine: sled, or memory (for tests), which loses everything when the server stops.",
        value: |config| of_folder(config, || engine(config.engine).to_owned()),
    },
    Setting {
        key: "store",
        form: Form::Text,
        about: "The PostgreSQL database that holds the store, such as postgres://user@host1,host2/database. If not set, the data directory does.",
        value: |config| config.store.as_ref().map(ToString::to_string),
    },
    Setting {
        key: "store-password-file",
        form: Form::Text,
        about: "A file with the password for the database. It may also be in the variable MEMBERBASE_STORE_PASSWORD.",
        value: |config| path(config.store_password_file.as_ref()),
    },
    Setting {
        key: "allow-async-replicas",
        form: Form::Flag,
        about: "Use a database that acknowledges writes before a quorum of its nodes has them: a failover may lose some.",
        value: |config| Some(config.allow_async_replicas.to_string()),
    },
    Setting {
        key: "advertise",
        form: Form::Text,
        about: "Where other servers on the same store reach this one, such as http://host:50051. If set, a standby passes calls on to the active server.",
        value: |config| config.advertise.as_ref().map(ToString::to_string),
    },
    Setting {
        key: "lease-memberbases",
        form: Form::Flag,
        about: "Let a standby serve a memberbase by itself that its callers use much; it is asked for and lent.",
        value: |config| Some(config.lease_memberbases.to_string()),
    },
    Setting {
        key: "peer-ca",
        form: Form::Text,
        about: "Certificate authorities of the other servers, a PEM file. If not set, those of the system.",
        value: |config| path(config.peer_ca.as_ref()),
    },
    Setting {
        key: "memory",
        form: Form::Amount,
        about: "How much memory caches and requests may use together; at least 64MiB.",
        value: |config| Some(Bytes(config.memory).to_string()),
    },
    Setting {
        key: "reserve",
        form: Form::Amount,
        about: "Disk space that writes leave free.",
        value: |config| of_folder(config, || Bytes(config.reserve).to_string()),
    },
    Setting {
        key: "snapshot-after",
        form: Form::Amount,
        about: "A snapshot replaces older log once the log has grown by this much and by more than the last snapshot.",
        value: |config| of_folder(config, || Bytes(config.snapshot_after).to_string()),
    },
    Setting {
        key: "drain-pause",
        form: Form::Amount,
        about: "How long a server that stops goes on serving after its probes have begun to fail.",
        value: |config| Some(Time(config.drain_pause).to_string()),
    },
    Setting {
        key: "grace",
        form: Form::Amount,
        about: "How long running calls may take to finish when the server stops.",
        value: |config| Some(Time(config.grace).to_string()),
    },
    Setting {
        key: "stall-after",
        form: Form::Amount,
        about: "How long a message, a body or a reply may make no progress before its call is ended.",
        value: |config| Some(Time(config.stall_after).to_string()),
    },
    Setting {
        key: "connections-per-peer",
        form: Form::Amount,
        about: "Most connections from one address. If not set, half of all that the server accepts.",
        value: |config| config.connections_per_peer.map(|most| most.to_string()),
    },
    Setting {
        key: "log",
        form: Form::Text,
        about: "What is logged to standard error: off, error, warn, info, debug or trace.",
        value: |config| Some(config.log.to_string().to_ascii_lowercase()),
    },
    Setting {
        key: "log-format",
        form: Form::Text,
        about: "How log lines are written: text, or json.",
        value: |config| Some(log_format(config.log_format).to_owned()),
    },
    Setting {
        key: "access-log",
        form: Form::Flag,
        about: "Log every call, without personal data; needs log at info or below.",
        value: |config| Some(config.access_log.to_string()),
    },
    Setting {
        key: "commit-retention",
        form: Form::Amount,
        about: "How long the history of changes is kept; not shorter than delete-retention or job-retention.",
        value: |config| Some(Time(config.commit_retention).to_string()),
    },
    Setting {
        key: "delete-retention",
        form: Form::Amount,
        about: "How long a deleted memberbase, or a deleted member, can be restored.",
        value: |config| Some(Time(config.delete_retention).to_string()),
    },
    Setting {
        key: "request-retention",
        form: Form::Amount,
        about: "How long the responses to requests with a request id are kept.",
        value: |config| Some(Time(config.request_retention).to_string()),
    },
    Setting {
        key: "request-room",
        form: Form::Amount,
        about: "How much space these responses may use in the store. If it is full, the oldest are dropped.",
        value: |config| Some(Bytes(config.request_room).to_string()),
    },
    Setting {
        key: "job-retention",
        form: Form::Amount,
        about: "How long a job is kept after its end, with its input and its results.",
        value: |config| Some(Time(config.job_retention).to_string()),
    },
    Setting {
        key: "job-room",
        form: Form::Amount,
        about: "How much space jobs may use in the store. If it is full, new jobs are rejected.",
        value: |config| Some(Bytes(config.job_room).to_string()),
    },
    Setting {
        key: "job-hold",
        form: Form::Amount,
        about: "How long a job waits for approval before it is rejected.",
        value: |config| Some(Time(config.job_hold).to_string()),
    },
    Setting {
        key: "body-limit",
        form: Form::Amount,
        about: "Largest body of a JSON call. A quarter of memory (at least 64MiB) applies if it is less.",
        value: |config| Some(Bytes(config.body_limit).to_string()),
    },
    Setting {
        key: "no-console",
        form: Form::Flag,
        about: "Leave out the console, the pages for people under /console.",
        value: |config| Some(config.no_console.to_string()),
    },
    Setting {
        key: "web-origins",
        form: Form::Text,
        about: "Origins of web pages that may call gRPC-Web, separated by commas, or * for all; off if not set.",
        value: |config| (config.web_origins != Origins::None).then(|| config.web_origins.to_string()),
    },
    Setting {
        key: "tls-cert",
        form: Form::Text,
        about: "The certificate of the server and its chain, a PEM file. If set, connections are encrypted.",
        value: |config| path(config.tls_cert.as_ref()),
    },
    Setting {
        key: "tls-key",
        form: Form::Text,
        about: "The private key of the certificate, a PEM file.",
        value: |config| path(config.tls_key.as_ref()),
    },
    Setting {
        key: "tls-client-ca",
        form: Form::Text,
        about: "Certificate authorities, a PEM file. If set, clients must show a certificate from one of them.",
        value: |config| path(config.tls_client_ca.as_ref()),
    },
    Setting {
        key: "insecure-no-auth",
        form: Form::Flag,
        about: "Serve other machines even if callers need no token.",
        value: |config| Some(config.insecure_no_auth.to_string()),
    },
    Setting {
        key: "insecure-plaintext",
        form: Form::Flag,
        about: "Serve other machines even if connections are not encrypted.",
        value: |config| Some(config.insecure_plaintext.to_string()),
    },
];

/// The value of a setting that only a store in a data directory has.
fn of_folder(config: &Config, value: impl FnOnce() -> String) -> Option<String> {
    config.store.is_none().then(value)
}

fn engine(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Sled => "sled",
        EngineKind::Memory => "memory",
    }
}

fn log_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

fn path(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

impl Config {
    /// The settings as a TOML file, each below the sentence about it. A setting without a value is written as
    /// a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Settings of `memberbase serve --config FILE`. Flags and environment variables override them.\n",
        );
        for Setting { key, form, about, value } in SETTINGS {
            let (mark, value) = match value(self) {
                None => ("# ", "\"\"".to_owned()),
                Some(value) if *form == Form::Flag => ("", value),
                Some(value) => ("", toml::Value::String(value).to_string()),
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "\n# {about}\n{mark}{key} = {value}\n");
        }
        text
    }
}

/// The key of every setting.
pub fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::config::{Advertised, File, StoreUrl};
    use tracing::level_filters::LevelFilter;

    fn read(text: &str) -> Config {
        let file = File { path: "memberbase.toml", text };
        Config::load(&BTreeMap::new(), |_| None, Some(file)).unwrap()
    }

    #[test]
    fn printed_settings_are_read_back_as_the_same() {
        assert_eq!(read(&Config::default().to_toml()), Config::default());
        let other = Config {
            listen: "[::1]:4000".parse().unwrap(),
            data: "/srv/a \"quoted\" \\ name\u{e9}".into(),
            admin_listen: None,
            metrics_bases: 3,
            engine: EngineKind::Memory,
            memory: (100 << 20) + 1,
            grace: Duration::from_millis(1_250),
            connections_per_peer: Some(100),
            log: LevelFilter::OFF,
            log_format: LogFormat::Json,
            access_log: true,
            drain_pause: Duration::ZERO,
            tls_cert: Some("c.pem".into()),
            tls_key: Some("k.pem".into()),
            tls_client_ca: Some("true".into()),
            no_console: true,
            web_origins: Origins::parse("https://app.example.com,http://localhost:5173").unwrap(),
            insecure_no_auth: true,
            insecure_plaintext: true,
            ..Config::default()
        };
        assert_eq!(read(&other.to_toml()), other);
        let (url, password) = StoreUrl::parse("postgres://mb:s3cret@a,b/m?pooler=transaction").unwrap();
        let on_database = Config {
            store: Some(url),
            store_password_file: Some("/run/secrets/a \"b\"".into()),
            allow_async_replicas: true,
            advertise: Some(Advertised::parse("http://mb1:50051").unwrap()),
            lease_memberbases: true,
            ..Config::default()
        };
        let printed = Config { store_password: password, ..on_database.clone() }.to_toml();
        assert!(!printed.contains("s3cret"));
        assert_eq!(read(&printed), on_database);
    }

    #[test]
    fn the_example_file_has_the_defaults() {
        let example = include_str!("../../docs/memberbase.toml");
        assert_eq!(example, Config::default().to_toml(), "write it with `memberbase serve --print-config`");
    }

    #[test]
    fn the_table_of_the_documents_has_every_setting_with_its_default() {
        let document = include_str!("../../docs/operations.md");
        let mut missing = Vec::new();
        for setting in SETTINGS {
            let default =
                (setting.value)(&Config::default()).map_or("none".to_owned(), |value| format!("`{value}`"));
            let key = format!("`{}`", setting.key);
            let is_listed = document.lines().any(|line| {
                let mut cells = line.split(" | ");
                let keys = cells.next().unwrap_or_default().trim_start_matches("| ");
                keys.split(", ").any(|listed| listed == key) && cells.next() == Some(default.as_str())
            });
            if !is_listed {
                missing.push(format!("{key} {default}"));
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
    }
}
