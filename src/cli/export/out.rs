//! The file that an export writes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use crate::api::grpc::v1;
use crate::cli::list::FileFormat;
use crate::cli::output::is_stdout;
use crate::cli::{files, json, output};
use crate::lists::columns::export::{COLUMNS, SERVER_COLUMNS, header};
use crate::lists::{exported, one_line};
use crate::model::ProfileField;

const BUFFER: usize = 256 << 10;

/// Whether a column belongs to a field that the caller has no right to see.
fn is_left_out(column: &str, left_out: &[String]) -> bool {
    let field = match column {
        "account_holder" | "sort_code" | "account_number" | "iban" => ProfileField::AccountDetails.as_str(),
        column => column,
    };
    left_out.iter().any(|name| name == field)
}

type Sink = BufWriter<Box<dyn Write>>;

pub enum Out {
    Csv {
        writer: Box<csv::Writer<Sink>>,
        /// Whether each of the columns is written.
        shown: Vec<bool>,
    },
    Ndjson {
        sink: Sink,
        /// The keys that are null where a member has no value.
        keys: Vec<&'static str>,
    },
}

impl Out {
    pub fn open(path: &Path, format: FileFormat, left_out: Vec<String>) -> io::Result<Self> {
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

    pub fn write(&mut self, member: v1::Member) -> io::Result<()> {
        match self {
            Self::Csv { writer, shown } => {
                for cell in only(shown, record(member)) {
                    writer.write_field(exported(&cell).as_bytes()).map_err(output::csv_error)?;
                }
                writer.write_record(None::<&[u8]>).map_err(output::csv_error)
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
    pub fn write_line(&mut self, value: &Value) -> io::Result<()> {
        match self {
            Self::Csv { .. } => Err(io::Error::other("a CSV file has no lines of JSON")),
            Self::Ndjson { sink, .. } => writeln!(sink, "{}", one_line(&value.to_string())),
        }
    }

    pub fn finish(self, path: &Path) -> io::Result<()> {
        let mut sink = match self {
            Self::Csv { writer, .. } => writer.into_inner().map_err(csv::IntoInnerError::into_error)?,
            Self::Ndjson { sink, .. } => sink,
        };
        sink.flush()?;
        // The handle, with its lock, is held until the file has its name, so no other export can start
        // writing it before.
        if is_written_itself(path) { Ok(()) } else { fs::rename(files::unfinished(path), path) }
    }
}

/// Opens the file to write to. No other command writes it until the handle is closed.
fn begin(path: &Path) -> io::Result<File> {
    let begun = if is_written_itself(path) {
        files::open_alone(path)?
    } else {
        files::begin_unfinished(&files::unfinished(path))?
    };
    begun.ok_or_else(|| {
        let why = "another export is writing this file; wait until it has ended, or give another --out";
        io::Error::new(io::ErrorKind::WouldBlock, why)
    })
}

/// The items of the columns that are written.
fn only<T>(shown: &[bool], all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    shown.iter().zip(all).filter_map(|(shown, item)| shown.then_some(item))
}

/// Whether the path is written directly. A pipe or a device must not be replaced by a file.
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
        Value::from(member.revision).to_string(),
        time(member.created_at),
        time(member.updated_at),
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
        first.write_line(&Value::from("1\u{2028}")).unwrap();
        first.finish(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "\"1\\u2028\"\n");
        let second = open().unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "\"1\\u2028\"\n",
            "the old file stays until the new one is complete"
        );
        second.finish(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
        assert!(!part.exists());
    }

    #[test]
    fn a_target_that_is_not_a_plain_file_is_written_directly_and_not_replaced() {
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
