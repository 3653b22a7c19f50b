//! Explains why a list is refused, in terms of the command line.

use super::match_key::MatchKey;
use crate::cli::Error;
use crate::lists::columns::HeadingFault;
use crate::lists::{Field, Refusal, known_columns};

/// The error for a list that is refused.
pub fn refused(refusal: Refusal, key: MatchKey) -> Error {
    let Refusal::Headings { place, faults, fields, known } = refusal else {
        return Error::Data(refusal.to_string());
    };
    let mut texts: Vec<String> = faults.iter().map(|fault| heading(fault, key, &fields)).collect();
    if faults.iter().any(|fault| matches!(fault, HeadingFault::Unknown { .. })) {
        texts.push(known_columns(&known));
        texts.push("give --column HEADING=NAME to read a column under another name".to_owned());
    }
    Error::Data(format!("{place}: {}", texts.join("; ")))
}

fn heading(fault: &HeadingFault, key: MatchKey, fields: &[Field]) -> String {
    match fault {
        HeadingFault::Missing { .. } => format!(
            "there is no column {:?}, by which members are matched{}",
            key.field().name(),
            other_key(fields)
        ),
        HeadingFault::OtherDelimiter { delimiter } => {
            let given = if *delimiter == '\t' { "\\t".to_owned() } else { delimiter.to_string() };
            format!(
                "the first line has only one column, and its name contains {given}: if this is the delimiter, \
                 give --delimiter '{given}'"
            )
        }
        other => other.to_string(),
    }
}

/// Suggests how to match a file that has another key.
fn other_key(fields: &[Field]) -> String {
    let keys = [(Field::Ref, "ref"), (Field::Email, "email"), (Field::WorkerId, "worker-id")];
    let mut there = keys.iter().filter(|(field, _)| fields.contains(field));
    there.next().map_or(String::new(), |(field, given)| {
        format!("; give --match {given} to match them by the column {:?}", field.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{Options, Reader};

    fn explained(text: &str, delimiter: Option<u8>) -> String {
        let mut options = Options { delimiter, ..Options::default() };
        options.columns.required = vec![vec![Field::Ref, Field::Id]];
        let mut reader = Reader::new(options);
        let refusal =
            reader.push(text.as_bytes(), &mut Vec::new()).and_then(|()| reader.finish(&mut Vec::new()));
        refused(refusal.unwrap_err(), MatchKey::Ref).to_string()
    }

    #[test]
    fn another_delimiter_than_the_one_given_is_pointed_out() {
        for (header, given, found) in [
            ("ref;email", b',', ";"),
            ("email\tref", b',', "\\t"),
            ("ref|tier", b';', "|"),
            ("Ref,E-Mail", b'|', ","),
        ] {
            let error = explained(header, Some(given));
            assert!(error.ends_with(&format!("give --delimiter '{found}'")), "{header:?}: {error}");
        }
    }

    #[test]
    fn another_key_and_known_columns_are_pointed_out() {
        let error = explained("E-Mail,nick\n", None);
        for part in
            ["line 1: column 2 \"nick\" is unknown", "give --match email", "known columns are ref, email,"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
