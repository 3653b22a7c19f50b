//! `memberbase serve`: the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;

use super::hinted::{BOOLEAN, Hinted};
use super::{Error, output};
use crate::config::{self, Config, variable};
use crate::server;

const ENGINES: Hinted = Hinted(&["sled", "memory"]);
const LEVELS: Hinted = Hinted(&["off", "error", "warn", "info", "debug", "trace"]);
const FORMATS: Hinted = Hinted(&["text", "json"]);

/// The arguments of `serve`. All are strings here, because the settings report all their problems at once.
#[derive(Debug, clap::Args)]
#[command(
    args_override_self = true,
    after_help = "Every setting can also be given as an environment variable (--delete-retention as \
                  MEMBERBASE_DELETE_RETENTION), or as a key of the TOML file (delete-retention). Flags \
                  override the environment, and the environment overrides the file. Write sizes as 512MiB, \
                  10MB or 1G, and times as 20s, 5m, 1h30m or 30d. OTEL_EXPORTER_OTLP_ENDPOINT names a \
                  collector of traces (docs/metrics.md)."
)]
pub struct Args {
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings as a TOML file, each with a description, and exit
    #[arg(long)]
    print_config: bool,
    /// The address to listen on; port 0 picks a free port [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The address of metrics and probes, which are served there without encryption and tokens; off for none
    /// [default: 127.0.0.1:50052]
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<String>,
    /// How many memberbases have labels of their own in the metrics [default: 20]
    #[arg(long, value_name = "NUMBER")]
    metrics_bases: Option<String>,
    /// The data directory [default: ./memberbase-data]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    data: Option<String>,
    /// The storage engine: sled, or memory, which loses all data at the end and is for tests [default: sled]
    #[arg(long, value_name = "ENGINE", value_parser = ENGINES, hide_possible_values = true)]
    engine: Option<String>,
    /// The PostgreSQL database that holds the store instead of a data directory, such as
    /// postgres://user@host1,host2/database?target_session_attrs=read-write, without a password
    /// (docs/cluster.md)
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// A file with the password for the database; it may also be in MEMBERBASE_STORE_PASSWORD
    #[arg(long, value_name = "FILE")]
    store_password_file: Option<String>,
    /// Use a database that acknowledges writes before a quorum of its nodes has them
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    allow_async_replicas: Option<String>,
    /// Where other servers on the same store reach this one, such as http://host:50051; a server that stands
    /// by then passes calls on to the active one (docs/cluster.md)
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// Let a server that stands by serve a memberbase by itself that its callers use much (docs/cluster.md)
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    lease_memberbases: Option<String>,
    /// The authorities of the certificates of the other servers [default: those that the system trusts]
    #[arg(long, value_name = "PEM-FILE", value_hint = ValueHint::FilePath)]
    peer_ca: Option<String>,
    /// How much memory to use [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Disk space to keep free: requests that would use it are rejected [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    reserve: Option<String>,
    /// How much the log must have grown, and by more than the size of the last snapshot, before the server
    /// makes a new snapshot and removes older log [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    snapshot_after: Option<String>,
    /// How long a server that stops goes on serving after its health checks and /readyz have begun to fail,
    /// so that load balancers notice [default: 1s]
    #[arg(long, value_name = "TIME")]
    drain_pause: Option<String>,
    /// How long running calls may take when the server stops [default: 7s]
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
    /// How long a message, a body or a reply may make no progress before the server ends it [default: 30s]
    #[arg(long, value_name = "TIME")]
    stall_after: Option<String>,
    /// Maximum number of connections from one address [default: half of those that there is room for]
    #[arg(long, value_name = "NUMBER")]
    connections_per_peer: Option<String>,
    /// The log level: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = LEVELS, hide_possible_values = true)]
    log: Option<String>,
    /// How log lines are written: text, or json, one object in each line [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = FORMATS, hide_possible_values = true)]
    log_format: Option<String>,
    /// Log every call, without personal data; needs --log info or below
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = BOOLEAN, hide_possible_values = true)]
    access_log: Option<String>,
    /// How long the history of changes is kept; not shorter than --delete-retention or --job-retention
    /// [default: 30d]
    #[arg(long, value_name = "TIME")]
    commit_retention: Option<String>,
    /// How long deleted memberbases and members can be undeleted [default: 30d]
    #[arg(long, value_name = "TIME")]
    delete_retention: Option<String>,
    /// How long the results of requests with a request id are stored, so that a repeat gets the same reply
    /// [default: 7d]
    #[arg(long, value_name = "TIME")]
    request_retention: Option<String>,
    /// Space in the store for these results; when it is full, the oldest are removed first [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    request_room: Option<String>,
    /// How long a job is kept after its end, with its input and its results [default: 30d]
    #[arg(long, value_name = "TIME")]
    job_retention: Option<String>,
    /// Space in the store for jobs; when it is full, new jobs are rejected [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    job_room: Option<String>,
    /// How long a job waits for approval before it is rejected [default: 7d]
    #[arg(long, value_name = "TIME")]
    job_hold: Option<String>,
    /// Largest body of a JSON call; at most a quarter of the memory or, if that is more, 64MiB [default:
    /// 256MiB]
    #[arg(long, value_name = "SIZE")]
    body_limit: Option<String>,
    /// Leave out the console, the pages for people under /console
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = BOOLEAN, hide_possible_values = true)]
    no_console: Option<String>,
    /// Origins of web pages that may call gRPC-Web, such as https://app.example.com, separated by commas, or
    /// * for all. Without it, gRPC-Web is off
    #[arg(long, value_name = "ORIGINS")]
    web_origins: Option<String>,
    /// The certificate of the server, with those that lead to its authority; connections are then encrypted.
    /// The file is read again when it changes
    #[arg(long, value_name = "PEM-FILE", value_hint = ValueHint::FilePath)]
    tls_cert: Option<String>,
    /// The private key of the certificate. The file is read again when it changes
    #[arg(long, value_name = "PEM-FILE", value_hint = ValueHint::FilePath)]
    tls_key: Option<String>,
    /// Certificate authorities: clients must present a certificate that one of them issued. The file is read
    /// again when it changes
    #[arg(long, value_name = "PEM-FILE", value_hint = ValueHint::FilePath)]
    tls_client_ca: Option<String>,
    /// Serve other machines even though callers need no token
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = BOOLEAN, hide_possible_values = true)]
    insecure_no_auth: Option<String>,
    /// Serve other machines even though connections are not encrypted
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = BOOLEAN, hide_possible_values = true)]
    insecure_plaintext: Option<String>,
}

/// Serves until a signal stops the server. `known` are the variables that commands read themselves.
pub async fn run(args: Args, mut known: Vec<String>) -> Result<ExitCode, Error> {
    let prints = args.print_config;
    let environment = environment()?;
    let config = load(args, &environment)?;
    if prints {
        output::text(config.to_toml())?;
        return Ok(ExitCode::SUCCESS);
    }
    // cargo sets this variable for the build, and for the programs that it starts.
    known.push("MEMBERBASE_VERSION".to_owned());
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let notes = config::unknown_variables(environment.keys().map(String::as_str), &known);
    server::serve(config, &notes).await?;
    Ok(ExitCode::SUCCESS)
}

/// The environment variables with our prefix, and those of OpenTelemetry. A value that is not valid UTF-8 is
/// an error: if it were ignored, the setting would silently have another value.
fn environment() -> Result<BTreeMap<String, String>, Error> {
    let mut ours = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let is_read =
            |name: &&str| [config::PREFIX, config::OTEL].iter().any(|prefix| name.starts_with(prefix));
        let Some(name) = name.to_str().filter(is_read) else { continue };
        let value = value.into_string().map_err(|_| Error::Usage(format!("{name}: must be UTF-8")))?;
        ours.insert(name.to_owned(), value);
    }
    Ok(ours)
}

fn load(args: Args, environment: &BTreeMap<String, String>) -> Result<Config, Error> {
    let path = args.config.clone().or_else(|| environment.get(&variable("config")).map(PathBuf::from));
    let text = match &path {
        None => None,
        Some(path) => Some(std::fs::read_to_string(path).map_err(Error::file("read", path))?),
    };
    let path = path.map(|path| path.display().to_string()).unwrap_or_default();
    let file = text.as_deref().map(|text| config::File { path: &path, text });
    Config::load(&flags(args), |name| environment.get(name).cloned(), file)
        .map_err(|problems| Error::Usage(problems.to_string()))
}

fn flags(args: Args) -> BTreeMap<&'static str, String> {
    let given = [
        ("listen", args.listen),
        ("admin-listen", args.admin_listen),
        ("metrics-bases", args.metrics_bases),
        ("data", args.data),
        ("engine", args.engine),
        ("store", args.store),
        ("store-password-file", args.store_password_file),
        ("allow-async-replicas", args.allow_async_replicas),
        ("advertise", args.advertise),
        ("lease-memberbases", args.lease_memberbases),
        ("peer-ca", args.peer_ca),
        ("memory", args.memory),
        ("reserve", args.reserve),
        ("snapshot-after", args.snapshot_after),
        ("drain-pause", args.drain_pause),
        ("grace", args.grace),
        ("stall-after", args.stall_after),
        ("connections-per-peer", args.connections_per_peer),
        ("log", args.log),
        ("log-format", args.log_format),
        ("access-log", args.access_log),
        ("commit-retention", args.commit_retention),
        ("delete-retention", args.delete_retention),
        ("request-retention", args.request_retention),
        ("request-room", args.request_room),
        ("job-retention", args.job_retention),
        ("job-room", args.job_room),
        ("job-hold", args.job_hold),
        ("body-limit", args.body_limit),
        ("no-console", args.no_console),
        ("web-origins", args.web_origins),
        ("tls-cert", args.tls_cert),
        ("tls-key", args.tls_key),
        ("tls-client-ca", args.tls_client_ca),
        ("insecure-no-auth", args.insecure_no_auth),
        ("insecure-plaintext", args.insecure_plaintext),
    ];
    given.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::SETTINGS;

    #[test]
    fn every_setting_is_a_flag_that_tells_its_default() {
        let command = Args::augment_args(clap::Command::new("serve"));
        for setting in SETTINGS {
            let found = command.get_arguments().find(|argument| argument.get_long() == Some(setting.key));
            let help = found.and_then(clap::Arg::get_help).map(ToString::to_string);
            let help = help.unwrap_or_else(|| panic!("there is no --{}", setting.key));
            if let Some(value) = (setting.value)(&Config::default()).filter(|value| value != "false") {
                assert!(help.ends_with(&format!("[default: {value}]")), "--{}: {help}", setting.key);
            }
        }
    }

    #[test]
    fn values_that_a_shell_completes_are_values_of_their_setting() {
        let command = Args::augment_args(clap::Command::new("serve"));
        let mut completed = Vec::new();
        for setting in SETTINGS {
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(setting.key));
            let values: Vec<_> = argument.map(clap::Arg::get_possible_values).unwrap_or_default();
            for value in &values {
                let flags = BTreeMap::from([(setting.key, value.get_name().to_owned())]);
                let loaded =
                    Config::load(&flags, |_| None, None).unwrap_or_else(|e| panic!("{}: {e:?}", setting.key));
                assert_eq!((setting.value)(&loaded).as_deref(), Some(value.get_name()), "--{}", setting.key);
            }
            completed.extend((!values.is_empty()).then_some(setting.key));
        }
        for key in ["engine", "log", "log-format", "access-log", "no-console", "insecure-plaintext"] {
            assert!(completed.contains(&key), "{key} is not in {completed:?}");
        }
        // A value of no setting is still reported with all other problems.
        let matches = command.try_get_matches_from(["serve", "--log", "loud"]).unwrap();
        assert_eq!(matches.get_one::<String>("log").unwrap(), "loud");
    }

    #[test]
    fn a_flag_given_twice_counts_as_the_last() {
        let command = Args::augment_args(clap::Command::new("serve"));
        let given = ["serve", "--grace", "5s", "--listen", "127.0.0.1:1", "--grace", "6s"];
        let matches = command.args_override_self(true).try_get_matches_from(given).unwrap();
        assert_eq!(matches.get_one::<String>("grace").unwrap(), "6s");
    }
}
