//! Names of fields in camelCase.

/// A path in camelCase: `account_details.sort_code` becomes `accountDetails.sortCode`. Keys of
/// attributes stay as callers write them.
pub fn camel(path: &str) -> String {
    if path.starts_with("attributes.") {
        return path.to_owned();
    }
    let mut out = String::with_capacity(path.len());
    let mut starts_word = false;
    for character in path.chars() {
        if character == '_' {
            starts_word = true;
        } else if std::mem::take(&mut starts_word) {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_in_camel_case() {
        for (path, expected) in [
            ("", ""),
            ("email", "email"),
            ("worker_id", "workerId"),
            ("account_details.sort_code", "accountDetails.sortCode"),
            ("x-member-base-id", "x-member-base-id"),
            ("attributes.shoe_size", "attributes.shoe_size"),
        ] {
            assert_eq!(camel(path), expected);
        }
    }
}
