//! Field masks: which fields an update is about (google.protobuf.FieldMask, AIP-134).
//!
//! A field in the mask gets its value from the update, and loses its value if the update has none. A field
//! that is not in the mask stays; its value in the update is ignored. A mask without paths counts as no mask.
//!
//! Protobuf's JSON rewrites the paths of a mask: `attributes.shoeSize` arrives as `attributes.shoe_size`. So
//! a mask never removes an unknown attribute: if the update has no value for the key of a path, the schema or
//! the member must have the key ([`Mask::check_removals`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::attributes::schema::AttributeSchema;
use crate::model::membership::member::Member;
use crate::model::refusal::error::{Reason, Refusal, Violations};
use crate::model::row::field::ProfileField;
use crate::model::row::patch::MemberPatch;

/// The prefix of the path of one attribute.
const ATTRIBUTE: &str = "attributes.";

/// The paths of a mask: names of fields, and `attributes.KEY` for one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask {
    fields: HashSet<ProfileField>,
    /// The keys of single attributes, with the indexes of their paths.
    attributes: BTreeMap<String, usize>,
}

impl Mask {
    /// The mask of these paths; `None` if there are none.
    pub fn parse(paths: &[String]) -> Result<Option<Self>, Refusal> {
        let mut faults = Violations::default();
        let mut mask = Self::default();
        for (index, path) in paths.iter().enumerate() {
            match (path.strip_prefix(ATTRIBUTE), ProfileField::parse(path)) {
                (Some(key), _) => drop(mask.attributes.insert(key.to_owned(), index)),
                (None, Some(field)) => drop(mask.fields.insert(field)),
                (None, None) => {
                    let description = "must be the name of a member field, or attributes.KEY";
                    faults.add(Reason::UnknownField, place(index), description);
                }
            }
        }
        faults.finish((!paths.is_empty()).then_some(mask))
    }

    /// Whether the mask names this whole field.
    pub fn names(&self, field: ProfileField) -> bool {
        self.fields.contains(&field)
    }

    /// Whether the mask names this attribute, by its key or with all attributes.
    pub fn names_attribute(&self, key: &str) -> bool {
        self.names(ProfileField::Attributes) || self.attributes.contains_key(key)
    }

    /// `patch`, limited to the mask. Clears fields of the mask for which the patch has no value.
    pub fn apply(&self, mut patch: MemberPatch) -> Result<MemberPatch, Refusal> {
        for field in ProfileField::ALL {
            let (named, is_keep) = (self.names(field), patch.is_keep(field));
            match field {
                ProfileField::Attributes => {}
                _ if named && is_keep => patch.clear(field),
                _ if !named && !is_keep => patch.keep(field),
                _ => {}
            }
        }
        patch.attributes.replace_all = self.names(ProfileField::Attributes);
        if patch.attributes.replace_all {
            return Ok(patch);
        }
        let mut faults = Violations::default();
        patch.attributes.retain(|key| self.names_attribute(key));
        let set: BTreeSet<String> = patch.attributes.iter().map(|(key, _)| key.to_owned()).collect();
        for (key, index) in self.attributes.iter().filter(|(key, _)| !set.contains(*key)) {
            if let Err(rule) = patch.attributes.clear(key.as_str()) {
                faults.add(rule.reason(), place(*index), rule.describe());
            }
        }
        faults.finish(patch)
    }

    /// Refuses to remove from `member` an attribute that neither it nor the schema has. `patch` is the result
    /// of [`Mask::apply`].
    pub fn check_removals(
        &self,
        patch: &MemberPatch,
        member: &Member,
        schema: Option<&AttributeSchema>,
    ) -> Result<(), Refusal> {
        let removed: BTreeSet<&str> =
            patch.attributes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        let is_known = |key: &str| {
            member.attributes.get(key).is_some()
                || schema.is_some_and(|schema| schema.types.contains_key(key))
        };
        let mut faults = Violations::default();
        for (key, index) in &self.attributes {
            if removed.contains(key.as_str()) && !is_known(key) {
                let whose = if schema.is_some() { "the attribute schema" } else { "the member" };
                let description = format!(
                    "is not an attribute of {whose}, and `member` has no value for it; if you sent the mask \
                     as JSON, protobuf has changed shoeSize to shoe_size: omit the mask to write keys with \
                     capital letters"
                );
                faults.add(Reason::UnknownField, place(*index), description);
            }
        }
        faults.finish(())
    }
}

fn place(index: usize) -> String {
    format!("update_mask.paths[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attributes::schema::{SentDefinition, parse_schema};
    use crate::model::{AttributePatch, AttributeValue, Attributes, Change, Name, Timestamp};

    fn name(text: &str) -> Change<Name> {
        Change::Set(Name::parse(text.to_owned()).unwrap())
    }

    fn mask(paths: &[&str]) -> Mask {
        parse(paths).unwrap().unwrap()
    }

    fn parse(paths: &[&str]) -> Result<Option<Mask>, Refusal> {
        Mask::parse(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn fields_in_the_mask_are_written_or_cleared_and_others_stay() {
        let patch =
            MemberPatch { first_name: name("Ana"), last_name: name("Berg"), ..MemberPatch::default() };
        let masked = mask(&["first_name", "company"]).apply(patch).unwrap();
        let expected =
            MemberPatch { first_name: name("Ana"), company: Change::Clear, ..MemberPatch::default() };
        assert_eq!(masked, expected);
    }

    #[test]
    fn single_attributes_and_all_of_them_can_be_named() {
        let mut patch = MemberPatch::default();
        patch.attributes.set("a", AttributeValue::bool(true)).unwrap();
        patch.attributes.set("b", AttributeValue::bool(true)).unwrap();
        let one = mask(&["attributes.a", "attributes.c"]).apply(patch.clone()).unwrap();
        let changes: Vec<_> = one.attributes.iter().map(|(key, value)| (key, value.is_some())).collect();
        assert_eq!((changes, one.attributes.replace_all), (vec![("a", true), ("c", false)], false));
        let all = mask(&["attributes"]).apply(patch).unwrap();
        assert_eq!((all.attributes.iter().len(), all.attributes.replace_all), (2, true));
    }

    #[test]
    fn a_mask_without_paths_is_none() {
        assert_eq!(parse(&[]), Ok(None));
    }

    #[test]
    fn a_path_that_names_nothing_is_refused_with_its_place() {
        let refusal = parse(&["email", "shoe_size", "id"]).unwrap_err();
        let fields: Vec<_> = refusal.violations.into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["update_mask.paths[1]", "update_mask.paths[2]"]);
        let refusal = mask(&["email", "attributes.a b"]).apply(MemberPatch::default()).unwrap_err();
        assert_eq!(refusal.violations[0].field, "update_mask.paths[1]");
    }

    #[test]
    fn only_attributes_of_the_member_or_the_schema_are_removed() {
        let mut held = AttributePatch::default();
        held.set("old", AttributeValue::bool(true)).unwrap();
        let member = Member { attributes: Attributes::default().patched(&held, false), ..Member::default() };
        let definition = SentDefinition { kind: "number".to_owned(), indexed: false };
        let wanted = parse_schema([("shoeSize".to_owned(), definition)]).unwrap();
        let schema = AttributeSchema::following(None, &wanted, 1, Timestamp::from_micros(0));
        let mut sent = MemberPatch::default();
        sent.attributes.set("shoeSize", AttributeValue::number(44.0).unwrap()).unwrap();
        for (path, without_schema, with_schema) in [
            ("attributes.shoeSize", true, true),
            ("attributes.old", true, true),
            ("attributes.shoe_size", false, false),
            ("attributes", true, true),
        ] {
            let mask = mask(&["email", path]);
            let patch = mask.apply(sent.clone()).unwrap();
            for (schema, is_good) in [(None, without_schema), (Some(&schema), with_schema)] {
                let checked = mask.check_removals(&patch, &member, schema);
                assert_eq!(checked.is_ok(), is_good, "{path} {checked:?}");
                if let Err(refusal) = checked {
                    assert_eq!(refusal.violations[0].field, "update_mask.paths[1]");
                    assert!(refusal.message().contains("has changed shoeSize to shoe_size"), "{refusal}");
                }
            }
        }
        // No member has this attribute, but the schema has its key.
        let mask = mask(&["attributes.shoeSize"]);
        let patch = mask.apply(MemberPatch::default()).unwrap();
        assert!(mask.check_removals(&patch, &member, None).is_err());
        assert!(mask.check_removals(&patch, &member, Some(&schema)).is_ok());
    }
}
