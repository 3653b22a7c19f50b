//! Columns that are read under another name.

/// Parses a heading, and the name under which its column is read: `Staff No=worker_id`.
pub fn renamed(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((heading, name)) if !heading.is_empty() && !name.is_empty() => {
            Ok((heading.to_owned(), name.to_owned()))
        }
        _ => Err("give a heading of the file and a name, such as 'Staff No=worker_id'".to_owned()),
    }
}
