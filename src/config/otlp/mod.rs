//! Where spans are sent: the variables of OpenTelemetry, which all programs that send spans read alike.
//!
//! `OTEL_EXPORTER_OTLP_TRACES_…` overrides `OTEL_EXPORTER_OTLP_…`. An empty variable counts as not set.

mod address;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use self::address::Address;
use crate::trace::{Root, Sampler};

/// The prefix of the variables.
pub const OTEL: &str = "OTEL_";
/// The path of spans below the address of a collector that speaks HTTP.
const HTTP_PATH: &str = "/v1/traces";
/// The path of the call of a collector that speaks gRPC.
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The name of the service if the variables have none.
const SERVICE: &str = "memberbase";
/// Headers that a request for a collector has already.
const OWN_HEADERS: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "te", "transfer-encoding"];
/// How long a collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many numbers of 63 bits there are.
const NUMBERS: f64 = 9_223_372_036_854_775_808.0;

/// Where spans are sent, and which.
#[derive(Clone, PartialEq, Eq)]
pub struct Otlp {
    /// Host and port of the collector.
    pub authority: String,
    /// The path of the request.
    pub path: String,
    /// How the connection is encrypted; `None` if it is not.
    pub tls: Option<CollectorTls>,
    /// How spans are sent.
    pub protocol: Protocol,
    /// Headers of every request: names in lower case, and values, which may be secret.
    pub headers: Vec<(String, String)>,
    /// How long the collector may take for a request.
    pub timeout: Duration,
    /// What is said about this server: keys and values, `service.name` among them.
    pub resource: Vec<(String, String)>,
    /// Which calls are recorded.
    pub sampler: Sampler,
}

/// The files for encrypted connections to a collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectorTls {
    /// The authorities that are trusted; without it, those of the system.
    pub ca: Option<PathBuf>,
    /// The own certificate and its key, for collectors that want to see one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// How spans are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf as the body of an HTTP/1.1 request.
    Http,
    /// A gRPC call.
    Grpc,
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authority, path, tls, protocol, headers, timeout, resource, sampler } = self;
        let headers: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Otlp")
            .field("authority", authority)
            .field("path", path)
            .field("tls", tls)
            .field("protocol", protocol)
            .field("headers", &headers)
            .field("timeout", timeout)
            .field("resource", resource)
            .field("sampler", sampler)
            .finish()
    }
}

/// Reads the variables; `None` if no spans are sent. Adds what is wrong to `problems`.
pub fn read(environment: impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<Otlp> {
    let variables = Variables { environment };
    let is_off =
        variables.get("OTEL_SDK_DISABLED").is_some_and(|(_, text)| text.eq_ignore_ascii_case("true"))
            || variables.get("OTEL_TRACES_EXPORTER").is_some_and(|(_, text)| text == "none");
    let (name, endpoint) = variables.of_traces("ENDPOINT").filter(|_| !is_off)?;
    if let Some((name, text)) = variables.get("OTEL_TRACES_EXPORTER").filter(|(_, text)| text != "otlp") {
        problems.push(format!("{name}: must be otlp or none, not `{text}`"));
    }
    let mut check = |name: &str, read: Result<(), String>| {
        if let Err(rule) = read {
            problems.push(format!("{name}: {rule}"));
        }
    };
    let mut otlp = Otlp {
        authority: String::new(),
        path: String::new(),
        tls: None,
        protocol: Protocol::Http,
        headers: Vec::new(),
        timeout: TIMEOUT,
        resource: vec![("service.name".to_owned(), SERVICE.to_owned())],
        sampler: Sampler::default(),
    };
    if let Some((name, text)) = variables.of_traces("PROTOCOL") {
        check(&name, protocol(&text).map(|protocol| otlp.protocol = protocol));
    }
    let is_whole = name.contains("TRACES");
    check(
        &name,
        Address::parse(&endpoint).map(|Address { is_encrypted, authority, path }| {
            otlp.authority = authority;
            otlp.tls = is_encrypted.then(CollectorTls::default);
            otlp.path = match otlp.protocol {
                Protocol::Grpc => GRPC_PATH.to_owned(),
                Protocol::Http if is_whole => {
                    if path.is_empty() {
                        "/".to_owned()
                    } else {
                        path
                    }
                }
                Protocol::Http => format!("{}{HTTP_PATH}", path.trim_end_matches('/')),
            };
        }),
    );
    if let Some(tls) = &mut otlp.tls {
        let file = |end| variables.of_traces(end).map(|(name, path)| (name, PathBuf::from(path)));
        tls.ca = file("CERTIFICATE").map(|(_, path)| path);
        match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
            (Some((_, cert)), Some((_, key))) => tls.own = Some((cert, key)),
            (None, None) => {}
            (Some((name, _)), None) | (None, Some((name, _))) => {
                let rule = "a certificate of the client needs its key, and the other way round";
                check(&name, Err(rule.to_owned()));
            }
        }
    }
    if let Some((name, text)) = variables.of_traces("HEADERS") {
        check(&name, headers(&text).map(|headers| otlp.headers = headers));
    }
    if let Some((name, text)) = variables.of_traces("TIMEOUT") {
        check(&name, millis(&text).map(|timeout| otlp.timeout = timeout));
    }
    if let Some((name, text)) = variables.get("OTEL_RESOURCE_ATTRIBUTES") {
        check(
            name,
            pairs(&text).map(|pairs| pairs.into_iter().for_each(|pair| set(&mut otlp.resource, pair))),
        );
    }
    if let Some((_, text)) = variables.get("OTEL_SERVICE_NAME") {
        set(&mut otlp.resource, ("service.name".to_owned(), text));
    }
    if let Some((name, text)) = variables.get("OTEL_TRACES_SAMPLER") {
        let ratio = variables.get("OTEL_TRACES_SAMPLER_ARG").map(|(_, text)| text);
        check(name, sampler(&text, ratio.as_deref()).map(|sampler| otlp.sampler = sampler));
    }
    Some(otlp)
}

struct Variables<F> {
    environment: F,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn get<'a>(&self, name: &'a str) -> Option<(&'a str, String)> {
        (self.environment)(name).filter(|text| !text.is_empty()).map(|text| (name, text))
    }

    /// The variable of all signals, or that of traces.
    fn of_traces(&self, end: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{end}"), format!("OTEL_EXPORTER_OTLP_{end}")];
        names.into_iter().find_map(|name| self.get(&name).map(|(_, text)| text).map(|text| (name, text)))
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "http/protobuf" => Ok(Protocol::Http),
        "grpc" => Ok(Protocol::Grpc),
        _ => Err(format!("must be http/protobuf or grpc, not `{text}`")),
    }
}

/// Pairs of key and value, `a=1,b=2`, with percent-encoding in the values.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |item: &str| {
        let (key, value) = item.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.into_owned()))
    };
    let items = text.split(',').filter(|item| !item.trim().is_empty());
    items
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| "must be pairs such as key=value,other=value".to_owned())
}

fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut headers = pairs(text)?;
    for (name, value) in &mut headers {
        name.make_ascii_lowercase();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(format!("must not have the header {name}, which the server sets"));
        }
        if !is_name || !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err("must be names and values of headers, such as api-key=value".to_owned());
        }
    }
    Ok(headers)
}

fn set(pairs: &mut Vec<(String, String)>, pair: (String, String)) {
    pairs.retain(|(key, _)| *key != pair.0);
    pairs.push(pair);
}

fn millis(text: &str) -> Result<Duration, String> {
    let millis = text.parse::<u64>().ok().filter(|millis| *millis > 0);
    millis.map(Duration::from_millis).ok_or_else(|| format!("must be a number of milliseconds, not `{text}`"))
}

fn sampler(text: &str, ratio: Option<&str>) -> Result<Sampler, String> {
    let (follows_parent, root) = match text.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, text),
    };
    let root = match root {
        "always_on" => Root::All,
        "always_off" => Root::None,
        "traceidratio" => below(ratio)?,
        _ => {
            return Err(format!(
                "must be always_on, always_off, traceidratio, or one of these after parentbased_, not `{text}`"
            ));
        }
    };
    Ok(Sampler { follows_parent, root })
}

/// The bound of trace ids for a part of all traces.
fn below(ratio: Option<&str>) -> Result<Root, String> {
    let ratio = ratio.unwrap_or("1").parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    let ratio = ratio.ok_or_else(|| "needs a number from 0 to 1 in OTEL_TRACES_SAMPLER_ARG".to_owned())?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^63")]
    let bound = (ratio * NUMBERS) as u64;
    Ok(Root::Below(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(variables: &[(&str, &str)]) -> (Option<Otlp>, Vec<String>) {
        let mut problems = Vec::new();
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
        (read(find, &mut problems), problems)
    }

    #[test]
    fn spans_are_sent_only_if_there_is_an_address() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        for variables in [
            &[("OTEL_SERVICE_NAME", "members")][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "true")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(given(variables), (None, Vec::new()), "{variables:?}");
        }
        let otlp = given(&[ENDPOINT]).0.unwrap();
        assert_eq!((&*otlp.authority, &*otlp.path, otlp.tls), ("localhost:4318", "/v1/traces", None));
        assert_eq!((otlp.protocol, otlp.sampler), (Protocol::Http, Sampler::default()));
        assert_eq!(otlp.resource, [("service.name".to_owned(), "memberbase".to_owned())]);
    }

    #[test]
    fn variables_of_traces_override_those_of_all_signals() {
        let (otlp, problems) = given(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://one:4318/base/"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%20b, x=1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test"),
            ("OTEL_SERVICE_NAME", "members"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ]);
        let otlp = otlp.unwrap();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((&*otlp.authority, &*otlp.path), ("one:4318", "/base/v1/traces"));
        assert_eq!(otlp.headers, [("api-key".into(), "a b".into()), ("x".into(), "1".into())]);
        assert_eq!(otlp.timeout, Duration::from_millis(250));
        let resource: Vec<_> = otlp.resource.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(resource, [("deployment.environment.name", "test"), ("service.name", "members")]);
        assert_eq!(otlp.sampler, Sampler { follows_parent: true, root: Root::Below(1 << 62) });
        assert!(!format!("{otlp:?}").contains("a b"), "values of headers may be secret");
        for (address, path) in [("http://one", "/"), ("http://one/path", "/path")] {
            let otlp = given(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address)]).0.unwrap();
            assert_eq!((&*otlp.authority, &*otlp.path), ("one:80", path));
        }
    }

    #[test]
    fn an_encrypted_connection_has_its_files() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example");
        const CA: (&str, &str) = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem");
        const CERT: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/own.pem");
        const KEY: (&str, &str) = ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/own.key");
        let otlp = given(&[ENDPOINT]).0.unwrap();
        assert_eq!((&*otlp.authority, otlp.tls), ("collector.example:443", Some(CollectorTls::default())));
        let own = Some(("/own.pem".into(), "/own.key".into()));
        let tls = Some(CollectorTls { ca: Some("/ca.pem".into()), own });
        assert_eq!(given(&[ENDPOINT, CA, CERT, KEY]).0.unwrap().tls, tls);
        for half in [CERT, KEY] {
            let problems = given(&[ENDPOINT, half]).1;
            assert!(problems.len() == 1 && problems[0].starts_with(half.0), "{problems:?}");
        }
        // Without encryption they say nothing.
        let plain = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example");
        assert_eq!(given(&[plain, CA, CERT]), given(&[plain]));
    }

    #[test]
    fn all_problems_are_reported() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a");
        let (_, problems) = given(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector.example"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=a"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ]);
        assert_eq!(problems.len(), 6, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("OTEL_") && !problem.contains("secret")));
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        let all = [&[ENDPOINT][..], &ratio].concat();
        assert_eq!(given(&all).1.len(), 1);
        for variable in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Host=a"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "content-length=3"),
        ] {
            assert_eq!(given(&[ENDPOINT, variable]).1.len(), 1, "{variable:?}");
        }
    }
}
