//! Parses the neutral tree that doors fill into a [`Filter`], and reports every fault with its path.

use std::collections::HashMap;

use crate::model::contact::email::Fold;
use crate::model::filter::kind::{Kind, Subject, invalid};
use crate::model::filter::named::{NamedAttribute, Shapes};
use crate::model::filter::operand::Purpose;
use crate::model::filter::range;
use crate::model::filter::raw::{Comparison, RawFilter, RawOperator, RawRegex, RawValue};
use crate::model::filter::tree::sort;
use crate::model::filter::{
    Condition, Field, Filter, Named, NamedAttributes, NamedAudiences, Operand, Operator, Parsed, Pattern,
};
use crate::model::id::{BaseNumber, Sealer};
use crate::model::limits::{
    FILTER_IN_MAX_VALUES, FILTER_MAX_DEPTH, FILTER_MAX_OPERANDS, FILTER_MAX_REGEX_STEPS, FILTER_MAX_REGEXES,
    FILTER_MAX_VALUES, REGEX_MAX_STEPS,
};
use crate::model::refusal::error::{Reason, Refusal, Violations};
use crate::model::value::time::Date;

impl Filter {
    /// Parses the filter of a list of members of `base`. E-mail addresses are compared by `fold`, and no
    /// member is born after `today`. Ids of other memberbases and unknown ids are accepted and match nothing.
    pub fn parse_members(
        raw: Vec<RawFilter>,
        sealer: &Sealer,
        base: BaseNumber,
        fold: Fold,
        today: Date,
    ) -> Result<Parsed, Refusal> {
        Parser::new(Subject::Members { sealer, base, fold, today }).parse(raw)
    }

    /// Parses the filter of a list of memberbases: keys `id`, `name`, `created_at`, `updated_at`.
    pub fn parse_bases(raw: Vec<RawFilter>, sealer: &Sealer) -> Result<Parsed, Refusal> {
        Parser::new(Subject::Bases { sealer }).parse(raw)
    }
}

/// Walks the tree, collects every fault, and counts what is limited for the whole tree.
struct Parser<'a> {
    subject: Subject<'a>,
    violations: Violations,
    operands: usize,
    values: usize,
    regexes: usize,
    /// The steps that the regular expressions on each attribute may take for one member. Only the largest sum
    /// counts, because all attributes of a member together have limited bytes.
    attribute_steps: HashMap<String, u64>,
    /// The steps of the regular expressions on all other fields.
    other_steps: u64,
    attributes: NamedAttributes,
    audiences: NamedAudiences,
}

impl<'a> Parser<'a> {
    fn new(subject: Subject<'a>) -> Self {
        Self {
            subject,
            violations: Violations::default(),
            operands: 0,
            values: 0,
            regexes: 0,
            attribute_steps: HashMap::new(),
            other_steps: 0,
            attributes: NamedAttributes::default(),
            audiences: NamedAudiences::default(),
        }
    }

    fn parse(mut self, raw: Vec<RawFilter>) -> Result<Parsed, Refusal> {
        let mut parts = self.entries(raw, "filters", 1);
        let filter = match (parts.pop(), parts.is_empty()) {
            (None, _) => Filter::True,
            (Some(only), true) => only,
            (Some(last), false) => {
                parts.push(last);
                Filter::And(parts)
            }
        };
        let Self { violations, attributes, audiences, .. } = self;
        violations.finish(Parsed { filter, named: Named { attributes, audiences } })
    }

    fn entries(&mut self, raw: Vec<RawFilter>, path: &str, depth: usize) -> Vec<Filter> {
        if depth > FILTER_MAX_DEPTH {
            let description = format!("must not be nested deeper than {FILTER_MAX_DEPTH} levels");
            self.violations.add(Reason::FilterTooDeep, path, description);
            return Vec::new();
        }
        let mut filters = Vec::new();
        for (index, entry) in raw.into_iter().enumerate() {
            if entry.and.is_none() && entry.or.is_none() {
                self.operands += 1;
            }
            if self.operands > FILTER_MAX_OPERANDS {
                self.too_large("conditions", FILTER_MAX_OPERANDS);
                break;
            }
            filters.extend(self.entry(entry, &format!("{path}[{index}]"), depth));
        }
        filters
    }

    fn entry(&mut self, raw: RawFilter, path: &str, depth: usize) -> Option<Filter> {
        let (key, mut operators) = raw.into_operators();
        let Some((name, operator)) = operators.pop() else {
            self.invalid(path, "must have a key and an operator, or one of `and` and `or`");
            return None;
        };
        if !operators.is_empty() {
            let mut names: Vec<&str> = operators.iter().map(|(name, _)| *name).collect();
            names.push(name);
            self.invalid(path, format!("must have exactly one operator, not {}", names.join(", ")));
            return None;
        }
        let path_of_operator = format!("{path}.{name}");
        match (key, operator) {
            (None, RawOperator::And(parts)) => {
                self.combinator(parts, &path_of_operator, depth).map(Filter::And)
            }
            (None, RawOperator::Or(parts)) => {
                self.combinator(parts, &path_of_operator, depth).map(Filter::Or)
            }
            (Some(_), RawOperator::And(_) | RawOperator::Or(_)) => {
                self.invalid(format!("{path}.key"), format!("cannot be used with {name}"));
                None
            }
            (None, _) => {
                self.invalid(format!("{path}.key"), "must not be empty");
                None
            }
            (Some(key), operator) => match self.subject.field(&key) {
                Ok((field, kind)) => {
                    let is_attribute = matches!(field, Field::Attribute(_));
                    let shapes = if is_attribute { Shapes::of(&operator) } else { Shapes::None };
                    let op = self.operator(&key, &field, kind, operator, &path_of_operator)?;
                    if let Field::Attribute(key) = &field {
                        let (path, key) = (path.to_owned(), key.clone());
                        self.attributes.0.push(NamedAttribute { path, key, operator: name, shapes });
                    }
                    Some(Filter::Condition(Condition { field, op }))
                }
                Err((reason, description)) => {
                    self.violations.add(reason, format!("{path}.key"), description);
                    None
                }
            },
        }
    }

    fn combinator(&mut self, parts: Vec<RawFilter>, path: &str, depth: usize) -> Option<Vec<Filter>> {
        if parts.is_empty() {
            self.invalid(path, "must not be empty");
            return None;
        }
        Some(self.entries(parts, path, depth + 1))
    }

    fn operator(
        &mut self,
        key: &str,
        field: &Field,
        kind: Kind,
        operator: RawOperator,
        path: &str,
    ) -> Option<Operator> {
        match operator {
            RawOperator::Compare(comparison, value) => self.comparison(key, kind, comparison, value, path),
            RawOperator::In { values, negated } => {
                let operands = self.list(key, kind, values, path)?;
                Some(if negated { Operator::NotIn(operands) } else { Operator::In(operands) })
            }
            RawOperator::Exists(_) if kind == Kind::Audience => {
                self.invalid(path, "cannot be used with this key, which takes eq, ne, in and nin only");
                None
            }
            RawOperator::Exists(wanted) => Some(Operator::Exists(wanted)),
            RawOperator::Prefix(_) | RawOperator::Regex(_) if !kind.is_text() => {
                self.invalid(path, "cannot be used with this key, which is not a text");
                None
            }
            RawOperator::Prefix(prefix) if prefix.is_empty() => {
                self.invalid(path, "must not be empty");
                None
            }
            RawOperator::Prefix(prefix) => match kind.prefix(key, prefix) {
                Ok(prefix) => Some(Operator::Prefix(prefix)),
                Err((reason, description)) => {
                    self.violations.add(reason, path, description);
                    None
                }
            },
            RawOperator::Regex(regex) => self.regex(field, kind, regex, path),
            // `entry` has handled combinators, which have no key.
            RawOperator::And(_) | RawOperator::Or(_) => None,
        }
    }

    fn comparison(
        &mut self,
        key: &str,
        kind: Kind,
        comparison: Comparison,
        value: RawValue,
        path: &str,
    ) -> Option<Operator> {
        let is_order = !matches!(comparison, Comparison::Eq | Comparison::Ne);
        if is_order && !kind.is_ordered() {
            self.invalid(path, "cannot be used with this key, whose values have no order");
            return None;
        }
        let purpose = if is_order { Purpose::Bound } else { Purpose::Equality };
        let operand = self.subject.operand(key, kind, purpose, value).and_then(|operand| match &operand {
            Some(Operand::Bool(_)) if is_order => Err(invalid("must be a string or a number")),
            Some(bound) => {
                range::check(key, (kind, self.subject.today()), comparison, bound).map(|()| operand)
            }
            None => Ok(None),
        });
        let operand = match operand {
            Ok(operand) => operand,
            Err((reason, description)) => {
                self.violations.add(reason, path, description);
                return None;
            }
        };
        if let Some(Operand::Audience(audience)) = operand {
            self.audiences.add(path.to_owned(), audience);
        }
        Some(match (comparison, operand) {
            (Comparison::Ne, None) => Operator::NotIn(Vec::new()),
            (_, None) => Operator::In(Vec::new()),
            (Comparison::Eq, Some(operand)) => Operator::Eq(operand),
            (Comparison::Ne, Some(operand)) => Operator::Ne(operand),
            (Comparison::Gt, Some(operand)) => Operator::Gt(operand),
            (Comparison::Gte, Some(operand)) => Operator::Gte(operand),
            (Comparison::Lt, Some(operand)) => Operator::Lt(operand),
            (Comparison::Lte, Some(operand)) => Operator::Lte(operand),
        })
    }

    fn list(&mut self, key: &str, kind: Kind, values: Vec<RawValue>, path: &str) -> Option<Vec<Operand>> {
        if values.len() > FILTER_IN_MAX_VALUES {
            let description =
                format!("must have at most {FILTER_IN_MAX_VALUES} values, not {}", values.len());
            self.violations.add(Reason::FilterTooLarge, path, description);
            return None;
        }
        self.values += values.len();
        if self.values > FILTER_MAX_VALUES {
            self.too_large("values of in and nin", FILTER_MAX_VALUES);
            return None;
        }
        let mut operands = Vec::with_capacity(values.len());
        let mut all_good = true;
        for (index, value) in values.into_iter().enumerate() {
            match self.subject.operand(key, kind, Purpose::Equality, value) {
                Ok(Some(Operand::Moment(text, at))) => {
                    operands.extend([Operand::Text(text), Operand::Instant(at)]);
                }
                Ok(operand) => {
                    if let Some(Operand::Audience(audience)) = operand {
                        self.audiences.add(format!("{path}[{index}]"), audience);
                    }
                    operands.extend(operand);
                }
                Err((reason, description)) => {
                    self.violations.add(reason, format!("{path}[{index}]"), description);
                    all_good = false;
                }
            }
        }
        sort(&mut operands);
        all_good.then_some(operands)
    }

    fn regex(&mut self, field: &Field, kind: Kind, raw: RawRegex, path: &str) -> Option<Operator> {
        self.regexes += 1;
        if self.regexes > FILTER_MAX_REGEXES {
            if self.regexes == FILTER_MAX_REGEXES + 1 {
                let description =
                    format!("must have at most {FILTER_MAX_REGEXES} regular expressions in all");
                self.violations.add(Reason::FilterTooLarge, "filters", description);
            }
            return None;
        }
        let compiled = Pattern::compile(raw.pattern, raw.case_insensitive, self.regexes - 1);
        match compiled.and_then(|pattern| self.bound(field, kind, pattern)) {
            Ok(pattern) => Some(Operator::Regex(pattern)),
            Err(description) => {
                self.violations.add(Reason::RegexInvalid, format!("{path}.pattern"), description);
                None
            }
        }
    }

    /// Refuses a pattern that could take too long for one member, alone or with those before it.
    fn bound(&mut self, field: &Field, kind: Kind, pattern: Pattern) -> Result<Pattern, String> {
        let bytes = kind.text_max_bytes();
        let weight = pattern.weight();
        let most = REGEX_MAX_STEPS / bytes.max(1);
        if weight > most {
            return Err(format!(
                "must have at most {most} characters, classes and choices on this key, counting repeated \
                 ones as often as they may repeat, not {weight}"
            ));
        }
        let steps = weight.saturating_mul(bytes);
        let sum = match field {
            Field::Attribute(key) => self.attribute_steps.entry(key.clone()).or_default(),
            _ => &mut self.other_steps,
        };
        *sum = sum.saturating_add(steps);
        let of_attributes = self.attribute_steps.values().copied().max().unwrap_or_default();
        let all = self.other_steps.saturating_add(of_attributes);
        if all > FILTER_MAX_REGEX_STEPS {
            return Err(format!(
                "must be simpler: together with the regular expressions before it, it could take {all} steps \
                 for one member; the limit is {FILTER_MAX_REGEX_STEPS}"
            ));
        }
        Ok(pattern)
    }

    /// Adds the fault only once for each kind of thing.
    fn too_large(&mut self, things: &str, limit: usize) {
        let description = format!("must have at most {limit} {things} in all");
        self.violations.add_once(Reason::FilterTooLarge, "filters", description);
    }

    fn invalid(&mut self, path: impl Into<String>, description: impl Into<String>) {
        self.violations.add(Reason::FilterInvalid, path, description);
    }
}
