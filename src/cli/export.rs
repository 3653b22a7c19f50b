//! `memberbase export`: all members of a memberbase as CSV or NDJSON, in a form that `import` takes back unchanged.
//!
//! A field that the caller's token has no right to see is not there: no column in CSV, no key in NDJSON. Where a member has no
//! value, the cell is empty, and the key null. So the two are never mistaken for each other, and `import --replace`, which
//! clears what is empty, can refuse a file that does not have everything.

mod records;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::api::grpc::v1;
use crate::model::{ProfileField, words};

use super::client::{self, Target};
use super::import::{FileFormat, SERVER_COLUMNS};
use super::output::is_stdout;
use super::{Error, base, files, filter, json, output};

/// What a CSV file starts with, before the fields that only the server sets.
pub const COLUMNS: [&str; 18] = [
    "ref",
    "email",
    "first_name",
    "last_name",
    "phone",
    "worker_id",
    "tier",
    "status",
    "dob",
    "gender",
    "role",
    "company",
    "enable_payroll",
    "account_holder",
    "sort_code",
    "account_number",
    "iban",
    "attributes",
];
/// Columns that a caller without the right to personal data does not get.
const PERSONAL: [&str; 5] = ["dob", "account_holder", "sort_code", "account_number", "iban"];
const BUFFER: usize = 256 << 10;

/// The arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// What to write [default: what the name of the file says, or else csv]
    #[arg(long)]
    format: Option<FileFormat>,
    /// Where to write; `-` for standard output. A file appears under its name once it is complete
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    /// Write what hangs on the members instead of them: clips, stamp collections and transactions, as NDJSON
    #[arg(long, conflicts_with_all = ["format", "filter"])]
    records: bool,
    /// Only members that match: the name of a field or attributes.<key>, then one of = != > >= < <= or ^= (begins with), then a
    /// value, such as tier=Gold; or filters of the contract as JSON, such as {"key": "tier", "in": ["Gold", "Silver"]}. If given
    /// several times, all must hold
    #[arg(long, value_name = "CONDITION")]
    filter: Vec<String>,
    #[command(flatten)]
    target: Target,
}

/// Writes the members.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    if !is_stdout(&args.out) {
        files::refuse_inside_store(&args.out)?;
        files::refuse_overwriting(&args.out, args.target.tls.files())?;
        files::refuse_overwriting(&files::unfinished(&args.out), args.target.tls.files())?;
    }
    let format = args.file_format()?;
    if args.records {
        return records::run(&args).await;
    }
    let filters = args.filter.iter().map(|text| filter::parse(text)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = v1::ExportMembersRequest { member_base_id, min_revision: None, filters };
    let mut stream = client.members.export_members(request).await?.into_inner();
    let mut next = client::next(&mut stream).await?;
    let left_out = next.as_mut().map(|part| std::mem::take(&mut part.left_out)).unwrap_or_default();
    let unwritten = output::unwritten(&args.out);
    let mut out = Out::open(&args.out, format, left_out.clone()).map_err(&unwritten)?;
    let mut members: u64 = 0;
    while let Some(part) = next {
        for member in part.members {
            members += 1;
            out.write(member).map_err(&unwritten)?;
        }
        next = client::next(&mut stream).await?;
    }
    out.finish(&args.out).map_err(&unwritten)?;
    if !left_out.is_empty() {
        output::note(format_args!(
            "warning: left out, because the token has no right to see them: {}; `import --replace` does not take such a file",
            left_out.join(", ")
        ));
    }
    output::note(words::count(members, "member"));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// What is written, which the name of the file must not deny.
    fn file_format(&self) -> Result<FileFormat, Error> {
        let given = if self.records { Some(FileFormat::Ndjson) } else { self.format };
        let refused = |why: &str| Err(Error::Usage(format!("--out {}: {why}", self.out.display())));
        if FileFormat::is_spreadsheet(&self.out) {
            return refused(
                "spreadsheets are not written; call it .csv, which programs for spreadsheets open",
            );
        }
        match (given, FileFormat::of(&self.out)) {
            (Some(given), Some(named)) if given != named => refused(&format!(
                "the name is that of {} and {given} is to be written; give another name, or another format",
                named.article()
            )),
            (None, None)
                if self.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) =>
            {
                refused("a file of JSON is written as one object a line: call it .ndjson, or give --format")
            }
            (given, named) => Ok(given.or(named).unwrap_or(FileFormat::Csv)),
        }
    }
}

/// Whether these are the columns of an export, be it one that lacks what its caller had no right to see.
pub fn is_header(names: &[String]) -> bool {
    let has = |column: &str| names.iter().any(|name| name == column);
    names.iter().map(String::as_str).eq(header().filter(|column| has(column) || !PERSONAL.contains(column)))
}

fn header() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(SERVER_COLUMNS)
}

/// Whether a column shows a field that the caller may not see.
fn is_left_out(column: &str, left_out: &[String]) -> bool {
    let field = match column {
        "account_holder" | "sort_code" | "account_number" | "iban" => ProfileField::AccountDetails.as_str(),
        column => column,
    };
    left_out.iter().any(|name| name == field)
}

type Sink = BufWriter<Box<dyn Write>>;

enum Out {
    Csv {
        writer: Box<csv::Writer<Sink>>,
        /// Which of the columns are there.
        shown: Vec<bool>,
    },
    Ndjson {
        sink: Sink,
        /// The keys that are null where a member has no value.
        keys: Vec<&'static str>,
    },
}

impl Out {
    fn open(path: &Path, format: FileFormat, left_out: Vec<String>) -> io::Result<Self> {
        let plain: Box<dyn Write> =
            if is_stdout(path) { Box::new(io::stdout()) } else { Box::new(begin(path)?) };
        let sink = BufWriter::with_capacity(BUFFER, plain);
        Ok(match format {
            FileFormat::Ndjson => {
                let keys = ProfileField::ALL.into_iter().map(ProfileField::as_str);
                Self::Ndjson { sink, keys: keys.filter(|key| !is_left_out(key, &left_out)).collect() }
            }
            FileFormat::Csv => {
                let mut writer = Box::new(csv::Writer::from_writer(sink));
                let shown: Vec<bool> = header().map(|column| !is_left_out(column, &left_out)).collect();
                writer.write_record(only(&shown, header())).map_err(output::csv_error)?;
                Self::Csv { writer, shown }
            }
        })
    }

    fn write(&mut self, member: v1::Member) -> io::Result<()> {
        match self {
            Self::Csv { writer, shown } => {
                writer.write_record(only(shown, record(member))).map_err(output::csv_error)
            }
            Self::Ndjson { keys, .. } => {
                let mut line = json::member(member);
                if let Some(fields) = line.as_object_mut() {
                    for key in &*keys {
                        fields.entry(*key).or_insert(Value::Null);
                    }
                }
                self.write_line(&line)
            }
        }
    }

    /// Writes a line of NDJSON.
    fn write_line(&mut self, value: &Value) -> io::Result<()> {
        match self {
            Self::Csv { .. } => Err(io::Error::other("a CSV file has no such lines")),
            Self::Ndjson { sink, .. } => writeln!(sink, "{value}"),
        }
    }

    fn finish(self, path: &Path) -> io::Result<()> {
        let mut sink = match self {
            Self::Csv { writer, .. } => writer.into_inner().map_err(csv::IntoInnerError::into_error)?,
            Self::Ndjson { sink, .. } => sink,
        };
        sink.flush()?;
        // The handle is held until the file has its name, so that nobody else begins to write it before.
        if is_written_itself(path) { Ok(()) } else { fs::rename(files::unfinished(path), path) }
    }
}

/// Opens what is written first, which nobody else writes until the handle is gone.
fn begin(path: &Path) -> io::Result<File> {
    let begun = if is_written_itself(path) {
        files::open_alone(path)?
    } else {
        files::begin_unfinished(&files::unfinished(path))?
    };
    begun.ok_or_else(|| {
        let why = "another export is writing it; wait until that one has ended, or give another --out";
        io::Error::new(io::ErrorKind::WouldBlock, why)
    })
}

/// What stands in the columns that are there.
fn only<T>(shown: &[bool], all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    shown.iter().zip(all).filter_map(|(shown, item)| shown.then_some(item))
}

/// What is no file, such as a pipe or a device, is written itself: a file must not take its place.
fn is_written_itself(path: &Path) -> bool {
    is_stdout(path) || fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// The cells of a member, in the order of the columns.
fn record(member: v1::Member) -> [String; COLUMNS.len() + SERVER_COLUMNS.len()] {
    let account = member.account_details.unwrap_or_default();
    let uk = account.uk.unwrap_or_default();
    let eu = account.eu.unwrap_or_default();
    let attributes = member.attributes.filter(|attributes| !attributes.fields.is_empty());
    let time = |time: Option<prost_types::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let text = Option::unwrap_or_default;
    [
        text(member.r#ref),
        text(member.email),
        text(member.first_name),
        text(member.last_name),
        text(member.phone),
        text(member.worker_id),
        text(member.tier),
        member.status,
        text(member.dob),
        text(member.gender),
        text(member.role),
        text(member.company),
        member.enable_payroll.map(|enabled| enabled.to_string()).unwrap_or_default(),
        if uk.account_holder.is_empty() { eu.account_holder } else { uk.account_holder },
        uk.sort_code,
        uk.account_number,
        eu.iban,
        attributes.map(|attributes| json::object_from_wire(attributes).to_string()).unwrap_or_default(),
        member.id,
        member.member_base_id,
        time(member.created_at),
        time(member.updated_at),
        Value::from(member.revision).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn exports_with_one_name_at_a_time_do_not_write_into_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let open = || Out::open(&file, FileFormat::Ndjson, Vec::new());
        let part = files::unfinished(&file);
        fs::write(&part, "left by one that was killed").unwrap();
        let mut first = open().unwrap();
        assert!(open().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        first.write_line(&Value::from(1)).unwrap();
        first.finish(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "1\n");
        let second = open().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "1\n", "it stays until the new one is complete");
        second.finish(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
        assert!(!part.exists());
    }

    #[test]
    fn what_is_no_file_is_written_itself_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (device, file) = (folder.path().join("device"), folder.path().join("file"));
        let _listener = UnixListener::bind(&device).unwrap();
        assert!(is_written_itself(&device));
        for _ in 0..2 {
            assert!(!is_written_itself(&file));
            let out = Out::open(&file, FileFormat::Ndjson, Vec::new()).unwrap();
            out.finish(&file).unwrap();
        }
        assert!(file.is_file());
    }
}
