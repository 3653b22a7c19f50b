//! The filter of an audience: parsed, with the form in which it was sent, and what it looks at.

use std::collections::BTreeSet;

use crate::model::audience::walk::{Located, conditions};
use crate::model::contact::email::Fold;
use crate::model::filter::{
    Effort, Field, Filter, MemberView, Named, NamedAttributes, NamedAudiences, Parsed, RawFilter, RawValue,
};
use crate::model::id::{AudienceNumber, BaseNumber, Sealer};
use crate::model::limits::{
    AUDIENCE_FILTER_MAX_BYTES, AUDIENCE_FILTER_MAX_CONDITIONS, AUDIENCE_FILTER_MAX_STEPS,
};
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::value::time::{Date, Timestamp};

/// What a condition or a value counts, apart from its texts, in bytes.
const ENTRY_BYTES: usize = 10;

/// The filter of an audience. It is stored as it was sent, because what it means depends on the fold of
/// e-mail addresses, which may change. Two filters are equal if they were sent in the same form.
#[derive(Debug, Clone, Default)]
pub struct AudienceFilter {
    raw: Vec<RawFilter>,
    filter: Option<Filter>,
    named: Named,
    fields: BTreeSet<Field>,
    audiences: BTreeSet<AudienceNumber>,
}

impl PartialEq for AudienceFilter {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl AudienceFilter {
    /// Parses a filter by the grammar of lists of members, and refuses one that is too large or could take
    /// too long for one member. An empty list matches nobody.
    pub fn parse(
        raw: Vec<RawFilter>,
        sealer: &Sealer,
        base: BaseNumber,
        fold: Fold,
        today: Date,
    ) -> Result<Self, Refusal> {
        let bytes = bytes(&raw);
        if bytes > AUDIENCE_FILTER_MAX_BYTES {
            let description = format!(
                "must have at most {AUDIENCE_FILTER_MAX_BYTES} bytes, not {bytes}: its texts, and \
                 {ENTRY_BYTES} bytes for each condition and value"
            );
            return Err(Refusal::field(Reason::FilterTooLarge, "filters", description));
        }
        let filter = Self::read(raw, sealer, base, fold, today)?;
        filter.check_cost()?;
        Ok(filter)
    }

    /// Parses a filter that was stored. It need not keep to limits of today.
    pub fn from_stored(
        raw: Vec<RawFilter>,
        sealer: &Sealer,
        base: BaseNumber,
        fold: Fold,
    ) -> Result<Self, Refusal> {
        Self::read(raw, sealer, base, fold, Timestamp::MAX.date())
    }

    fn read(
        raw: Vec<RawFilter>,
        sealer: &Sealer,
        base: BaseNumber,
        fold: Fold,
        today: Date,
    ) -> Result<Self, Refusal> {
        if raw.is_empty() {
            return Ok(Self::default());
        }
        let Parsed { filter, named } = Filter::parse_members(raw.clone(), sealer, base, fold, today)?;
        let fields = filter.fields().into_iter().cloned().collect();
        let audiences = named.audiences.iter().map(|(_, audience)| audience).collect();
        Ok(Self { raw, filter: Some(filter), named, fields, audiences })
    }

    fn check_cost(&self) -> Result<(), Refusal> {
        let located = conditions(&self.raw, self.filter());
        if located.len() > AUDIENCE_FILTER_MAX_CONDITIONS {
            let description = format!(
                "must have at most {AUDIENCE_FILTER_MAX_CONDITIONS} conditions in all, not {}",
                located.len()
            );
            return Err(Refusal::field(Reason::FilterTooLarge, "filters", description));
        }
        let mut steps = 0_u64;
        for Located { path, operator, condition, .. } in located {
            steps = steps.saturating_add(condition.worst_steps());
            if steps > AUDIENCE_FILTER_MAX_STEPS {
                let description = format!(
                    "must be simpler: every write evaluates the filter, and up to here it could take {steps} \
                     steps for one member; the limit is {AUDIENCE_FILTER_MAX_STEPS}"
                );
                return Err(Refusal::field(
                    Reason::FilterTooLarge,
                    format!("{path}.{operator}"),
                    description,
                ));
            }
        }
        Ok(())
    }

    /// The filter as it was sent: its stored form.
    #[must_use]
    pub fn raw(&self) -> &[RawFilter] {
        &self.raw
    }

    /// Its size as it is limited, in bytes: about that of its stored form, and of its form on the wire.
    #[must_use]
    pub fn bytes(&self) -> usize {
        bytes(&self.raw)
    }

    /// The parsed filter; `None` for an empty one, which matches nobody.
    #[must_use]
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The fields whose values it looks at.
    #[must_use]
    pub fn fields(&self) -> &BTreeSet<Field> {
        &self.fields
    }

    /// The audiences that it names.
    #[must_use]
    pub fn audiences(&self) -> &BTreeSet<AudienceNumber> {
        &self.audiences
    }

    /// The audiences that it names, each with the path of its operand.
    #[must_use]
    pub fn named_audiences(&self) -> &NamedAudiences {
        &self.named.audiences
    }

    /// The attributes that it names, with the types that they must have.
    #[must_use]
    pub fn attributes(&self) -> &NamedAttributes {
        &self.named.attributes
    }

    /// Whether it looks at dates of birth or bank details itself.
    #[must_use]
    pub fn looks_at_pii(&self) -> bool {
        self.filter().is_some_and(Filter::looks_at_pii)
    }

    /// Whether it matches the member. Adds the steps to `effort`.
    #[must_use]
    pub fn matches(&self, view: &MemberView<'_>, effort: &mut Effort) -> bool {
        self.filter().is_some_and(|filter| filter.matches(view, effort))
    }
}

/// The size of filters as they are limited: about that of their stored form.
fn bytes(raw: &[RawFilter]) -> usize {
    // No key takes a list as one value, so the size of such a value does not matter.
    let value = |value: &RawValue| match value {
        RawValue::Text(text) => ENTRY_BYTES + text.len(),
        RawValue::List(_) | RawValue::Null | RawValue::Bool(_) | RawValue::Number(_) | RawValue::Object => {
            ENTRY_BYTES
        }
    };
    raw.iter()
        .map(|RawFilter { key, eq, ne, gt, gte, lt, lte, in_, nin, exists: _, prefix, regex, and, or }| {
            let texts = [key.as_ref(), prefix.as_ref(), regex.as_ref().map(|regex| &regex.pattern)];
            let texts: usize = texts.into_iter().flatten().map(String::len).sum();
            let values: usize = [eq, ne, gt, gte, lt, lte].into_iter().flatten().map(value).sum();
            let lists: usize = [in_, nin].into_iter().flatten().flatten().map(value).sum();
            let below: usize = [and, or].into_iter().flatten().map(|parts| bytes(parts)).sum();
            ENTRY_BYTES + texts + values + lists + below
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audience::samples::{BASE, condition, filter, id, is_in, sealer};
    use crate::model::filter::RawRegex;
    use crate::model::id::Row;
    use crate::model::membership::member::Member;

    fn refused(raw: Vec<RawFilter>) -> (Reason, String, String) {
        let refusal =
            AudienceFilter::parse(raw, &sealer(), BASE, Fold::NEWEST, Timestamp::MAX.date()).unwrap_err();
        let fault = refusal.violations[0].clone();
        (refusal.reason, fault.field, fault.description)
    }

    fn regex(key: &str, pattern: &str) -> RawFilter {
        let regex = RawRegex { pattern: pattern.to_owned(), case_insensitive: false };
        RawFilter { key: Some(key.to_owned()), regex: Some(regex), ..RawFilter::default() }
    }

    fn text(key: &str, value: &str) -> RawFilter {
        condition(key, RawValue::Text(value.to_owned()))
    }

    #[test]
    fn an_empty_filter_matches_nobody() {
        let member = Member::default();
        let audiences = &crate::model::filter::NoAudiences;
        let view = MemberView { row: Row(1), member: &member, fold: Fold::NEWEST, audiences };
        let mut effort = Effort::default();
        assert!(!filter(Vec::new()).matches(&view, &mut effort));
        assert!(filter(vec![text("status", "active")]).matches(&view, &mut effort));
    }

    #[test]
    fn it_says_what_it_looks_at() {
        let or = RawFilter {
            or: Some(vec![is_in(4), text("attributes.city", "Rome"), is_in(2)]),
            ..RawFilter::default()
        };
        let filter = filter(vec![text("tier", "gold"), or]);
        let fields = [Field::Tier, Field::Attribute("city".to_owned()), Field::Audience];
        assert_eq!(*filter.fields(), BTreeSet::from(fields));
        assert_eq!(*filter.audiences(), BTreeSet::from([2, 4].map(AudienceNumber)));
        assert!(!filter.looks_at_pii());
        assert!(self::filter(vec![text("dob", "2000-01-01")]).looks_at_pii());
    }

    #[test]
    fn what_every_write_evaluates_is_limited_in_size_and_cost() {
        let many = vec![text("tier", "gold"); AUDIENCE_FILTER_MAX_CONDITIONS + 1];
        let (reason, field, rule) = refused(many);
        assert_eq!((reason, field.as_str()), (Reason::FilterTooLarge, "filters"));
        assert_eq!(rule, "must have at most 100 conditions in all, not 101");
        let long = RawFilter {
            key: Some("ref".to_owned()),
            in_: Some((0..100).map(|n| RawValue::Text(format!("{n:0>400}"))).collect()),
            ..RawFilter::default()
        };
        let (reason, _, rule) = refused(vec![long]);
        assert_eq!(reason, Reason::FilterTooLarge);
        assert!(rule.starts_with("must have at most 16384 bytes, not 41013: "), "{rule}");
        let heavy = |weight: usize| regex("attributes.note", &"a".repeat(weight));
        filter(vec![heavy(127)]);
        let (reason, field, rule) = refused(vec![
            heavy(64),
            RawFilter { or: Some(vec![text("tier", "gold"), heavy(64)]), ..RawFilter::default() },
        ]);
        assert_eq!((reason, field.as_str()), (Reason::FilterTooLarge, "filters[1].or[1].regex"));
        assert!(rule.contains("4194604 steps for one member; the limit is 4194304"), "{rule}");
    }

    #[test]
    fn a_time_relative_to_now_is_refused_with_advice() {
        let gt = |key: &str, value: &str| RawFilter {
            key: Some(key.to_owned()),
            gt: Some(RawValue::Text(value.to_owned())),
            ..RawFilter::default()
        };
        for (key, value) in
            [("created_at", "now-7d"), ("updated_at", "-P7D"), ("dob", "today"), ("created_at", "7 days ago")]
        {
            let (reason, field, rule) = refused(vec![gt(key, value)]);
            assert_eq!((reason, field.as_str()), (Reason::FilterInvalid, "filters[0].gt"));
            assert!(rule.contains("; a filter does not follow the clock: write the time itself"), "{rule}");
        }
        let (_, _, rule) = refused(vec![gt("created_at", "2026-13-01")]);
        assert!(!rule.contains("clock"), "{rule}");
    }

    #[test]
    fn only_audiences_of_the_memberbase_are_named_and_only_by_equality() {
        let other = sealer().audience_id(BaseNumber(9), AudienceNumber(1));
        let rule = "must be the id of an audience of this memberbase";
        let invalid = |rule: &str| (Reason::FilterInvalid, "filters[0].eq".to_owned(), rule.to_owned());
        assert_eq!(refused(vec![text("audience", &other)]), invalid(rule));
        let (reason, _, rule) = refused(vec![text("audience", "VIP")]);
        assert_eq!((reason, rule.as_str()), (Reason::IdMalformed, "must begin with `aud_`"));
        let key = || Some("audience".to_owned());
        for (raw, field, rule) in [
            (
                RawFilter { key: key(), exists: Some(true), ..RawFilter::default() },
                "filters[0].exists",
                "cannot be used with this key, which takes eq, ne, in and nin only",
            ),
            (
                RawFilter { key: key(), gt: Some(RawValue::Text(id(1))), ..RawFilter::default() },
                "filters[0].gt",
                "cannot be used with this key, whose values have no order",
            ),
            (
                RawFilter { key: key(), prefix: Some("aud_".to_owned()), ..RawFilter::default() },
                "filters[0].prefix",
                "cannot be used with this key, which is not a text",
            ),
        ] {
            assert_eq!(refused(vec![raw]), (Reason::FilterInvalid, field.to_owned(), rule.to_owned()));
        }
    }

    #[test]
    fn a_stored_filter_need_not_keep_to_limits_of_today() {
        let many = vec![text("tier", "gold"); AUDIENCE_FILTER_MAX_CONDITIONS + 1];
        let stored = AudienceFilter::from_stored(many.clone(), &sealer(), BASE, Fold::NEWEST).unwrap();
        assert_eq!(stored.raw(), many);
    }
}
