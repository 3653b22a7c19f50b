//! Field masks: which fields an update is about (google.protobuf.FieldMask, AIP-134).
//!
//! A field in the mask gets the value that the update has for it, and loses its own if the update has none. A field that
//! is not in the mask stays, whatever the update has for it.

use std::collections::HashSet;

use crate::model::error::{Reason, Refusal, Violations};
use crate::model::field::ProfileField;
use crate::model::input::MemberPatch;

/// What a path of one attribute begins with.
const ATTRIBUTE: &str = "attributes.";

/// `patch`, as far as the mask `paths` lets it through. Paths are names of fields, and `attributes.KEY` for one attribute.
pub fn masked(mut patch: MemberPatch, paths: &[String]) -> Result<MemberPatch, Refusal> {
    let mut faults = Violations::default();
    let mut fields = HashSet::new();
    let mut attributes: Vec<&str> = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        match (path.strip_prefix(ATTRIBUTE), ProfileField::parse(path)) {
            (Some(key), _) => attributes.push(key),
            (None, Some(field)) => drop(fields.insert(field)),
            (None, None) => {
                let description = "must be the name of a field of members, or attributes.KEY";
                faults.add(Reason::UnknownField, format!("update_mask.paths[{index}]"), description);
            }
        }
    }
    for field in ProfileField::ALL {
        let (named, is_keep) = (fields.contains(&field), patch.is_keep(field));
        match field {
            ProfileField::Attributes => {}
            _ if named && is_keep => patch.clear(field),
            _ if !named && !is_keep => patch.keep(field),
            _ => {}
        }
    }
    if fields.contains(&ProfileField::Attributes) {
        patch.attributes.replace_all = true;
        return faults.finish(patch);
    }
    patch.attributes.replace_all = false;
    patch.attributes.retain(|key| attributes.contains(&key));
    for key in attributes {
        let is_set = patch.attributes.iter().any(|(set, _)| set == key);
        if let Err(rule) = if is_set { Ok(()) } else { patch.attributes.clear(key) } {
            faults.add(rule.reason(), format!("update_mask.{ATTRIBUTE}{key}"), rule.describe());
        }
    }
    faults.finish(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttributeValue, Change, Name};

    fn name(text: &str) -> Change<Name> {
        Change::Set(Name::parse(text.to_owned()).unwrap())
    }

    fn mask(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn fields_in_the_mask_are_written_or_cleared_and_others_stay() {
        let patch =
            MemberPatch { first_name: name("Ana"), last_name: name("Berg"), ..MemberPatch::default() };
        let masked = masked(patch, &mask(&["first_name", "company"])).unwrap();
        let expected =
            MemberPatch { first_name: name("Ana"), company: Change::Clear, ..MemberPatch::default() };
        assert_eq!(masked, expected);
    }

    #[test]
    fn single_attributes_and_all_of_them_can_be_named() {
        let mut patch = MemberPatch::default();
        patch.attributes.set("a", AttributeValue::bool(true)).unwrap();
        patch.attributes.set("b", AttributeValue::bool(true)).unwrap();
        let one = masked(patch.clone(), &mask(&["attributes.a", "attributes.c"])).unwrap();
        let changes: Vec<_> = one.attributes.iter().map(|(key, value)| (key, value.is_some())).collect();
        assert_eq!((changes, one.attributes.replace_all), (vec![("a", true), ("c", false)], false));
        let all = masked(patch, &mask(&["attributes"])).unwrap();
        assert_eq!((all.attributes.iter().len(), all.attributes.replace_all), (2, true));
    }

    #[test]
    fn a_path_that_names_nothing_is_refused_with_its_place() {
        let refusal = masked(MemberPatch::default(), &mask(&["email", "shoe_size", "id"])).unwrap_err();
        let fields: Vec<_> = refusal.violations.into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["update_mask.paths[1]", "update_mask.paths[2]"]);
    }
}
