//! The neutral tree that every door fills.

/// An entry of `filters` as sent, the same for every door. A door whose lists cannot be absent passes an
/// empty list as `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawFilter {
    /// The key.
    pub key: Option<String>,
    /// Equal.
    pub eq: Option<RawValue>,
    /// Not equal.
    pub ne: Option<RawValue>,
    /// Greater.
    pub gt: Option<RawValue>,
    /// Greater or equal.
    pub gte: Option<RawValue>,
    /// Less.
    pub lt: Option<RawValue>,
    /// Less or equal.
    pub lte: Option<RawValue>,
    /// `in`: one of.
    pub in_: Option<Vec<RawValue>>,
    /// None of.
    pub nin: Option<Vec<RawValue>>,
    /// Present or absent.
    pub exists: Option<bool>,
    /// Begins with.
    pub prefix: Option<String>,
    /// Matches.
    pub regex: Option<RawRegex>,
    /// All of.
    pub and: Option<Vec<RawFilter>>,
    /// One of.
    pub or: Option<Vec<RawFilter>>,
}

/// A regular expression as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawRegex {
    /// The expression.
    pub pattern: String,
    /// Whether upper and lower case are the same.
    pub case_insensitive: bool,
}

/// An operand as sent.
#[derive(Debug, Clone, PartialEq)]
pub enum RawValue {
    /// JSON's `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<RawValue>),
    /// A JSON object, which no key takes.
    Object,
}

/// An operator of an entry, with its name on the wire.
pub(super) enum RawOperator {
    /// `eq` and its relatives.
    Compare(Comparison, RawValue),
    /// `in`, or `nin` if negated.
    In {
        /// The values.
        values: Vec<RawValue>,
        /// Whether the operator is `nin`.
        negated: bool,
    },
    /// `exists`
    Exists(bool),
    /// `prefix`
    Prefix(String),
    /// `regex`
    Regex(RawRegex),
    /// `and`
    And(Vec<RawFilter>),
    /// `or`
    Or(Vec<RawFilter>),
}

/// The operators that take one value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl RawFilter {
    /// Whether neither it nor any part of it has a regular expression, or a list of more than `values`
    /// values.
    pub fn is_plain(&self, values: usize) -> bool {
        let is_short = |list: &Option<Vec<RawValue>>| list.as_ref().is_none_or(|list| list.len() <= values);
        let parts = self.and.iter().chain(&self.or).flatten();
        self.regex.is_none()
            && is_short(&self.in_)
            && is_short(&self.nin)
            && parts.into_iter().all(|part| part.is_plain(values))
    }

    /// The name of its operator, for an entry that was parsed and has exactly one.
    pub(in crate::model) fn operator(&self) -> &'static str {
        let Self { key: _, eq, ne, gt, gte, lt, lte, in_, nin, exists, prefix, regex, and, or } = self;
        let present = [
            ("eq", eq.is_some()),
            ("ne", ne.is_some()),
            ("gt", gt.is_some()),
            ("gte", gte.is_some()),
            ("lt", lt.is_some()),
            ("lte", lte.is_some()),
            ("in", in_.is_some()),
            ("nin", nin.is_some()),
            ("exists", exists.is_some()),
            ("prefix", prefix.is_some()),
            ("regex", regex.is_some()),
            ("and", and.is_some()),
            ("or", or.is_some()),
        ];
        present.into_iter().find(|(_, is)| *is).map_or("", |(name, _)| name)
    }

    /// The key, and every operator that the entry has.
    pub(super) fn into_operators(self) -> (Option<String>, Vec<(&'static str, RawOperator)>) {
        let compare = |name, comparison, value: Option<RawValue>| {
            value.map(|value| (name, RawOperator::Compare(comparison, value)))
        };
        let is_in = |name, negated, values: Option<Vec<RawValue>>| {
            values.map(|values| (name, RawOperator::In { values, negated }))
        };
        let operators = [
            compare("eq", Comparison::Eq, self.eq),
            compare("ne", Comparison::Ne, self.ne),
            compare("gt", Comparison::Gt, self.gt),
            compare("gte", Comparison::Gte, self.gte),
            compare("lt", Comparison::Lt, self.lt),
            compare("lte", Comparison::Lte, self.lte),
            is_in("in", false, self.in_),
            is_in("nin", true, self.nin),
            self.exists.map(|wanted| ("exists", RawOperator::Exists(wanted))),
            self.prefix.map(|prefix| ("prefix", RawOperator::Prefix(prefix))),
            self.regex.map(|regex| ("regex", RawOperator::Regex(regex))),
            self.and.map(|parts| ("and", RawOperator::And(parts))),
            self.or.map(|parts| ("or", RawOperator::Or(parts))),
        ];
        (self.key.filter(|key| !key.is_empty()), operators.into_iter().flatten().collect())
    }
}
