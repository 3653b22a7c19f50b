//! Whether a member, or a memberbase, matches a filter.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::model::attributes::attribute::AttributeValue;
use crate::model::contact::email::Fold;
use crate::model::filter::{Condition, Effort, Field, Filter, Memberships, Operand, Operator};
use crate::model::id::{AudienceNumber, BaseNumber, Row};
use crate::model::membership::member::{Gender, Member, Profile, Status};
use crate::model::value::time::{Date, Timestamp};

/// A member and its row, as filters see them.
#[derive(Clone, Copy)]
pub struct MemberView<'a> {
    /// Its row.
    pub row: Row,
    /// The member.
    pub member: &'a Member,
    /// The fold of e-mail addresses, the same as in the filter.
    pub fold: Fold,
    /// Who is in which audience, at the revision of the member.
    pub audiences: &'a dyn Memberships,
}

/// A memberbase as filters see it.
#[derive(Clone, Copy)]
pub struct BaseView<'a> {
    /// Its number.
    pub number: BaseNumber,
    /// Its name.
    pub name: &'a str,
    /// Time of its creation.
    pub created_at: Timestamp,
    /// Time of its last change.
    pub updated_at: Timestamp,
}

/// A value of a member or memberbase, as conditions compare it.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A row.
    Row(Row),
    /// A memberbase's number.
    Base(BaseNumber),
    /// An audience that the member is in.
    Audience(AudienceNumber),
    /// A status.
    Status(Status),
    /// A gender.
    Gender(Gender),
    /// A date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// A truth value.
    Bool(bool),
    /// A number, never NaN.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list of strings.
    List(&'a [String]),
    /// A value of which a filter sees only that it exists.
    Present,
}

/// What filters can examine.
pub(super) trait View {
    /// The value of a field in the form that is compared for equality, if there is one.
    fn value(&self, field: &Field) -> Option<Value<'_>>;
    /// The text of a field as it is stored, if it has one.
    fn text(&self, field: &Field) -> Option<&str>;
    /// Whether it is in an audience.
    fn is_in(&self, audience: AudienceNumber) -> bool;
    /// The profile, if it has one.
    fn profile(&self) -> Option<&Profile>;

    /// The value of a field as it is stored: what all operators except equality compare.
    fn stored(&self, field: &Field) -> Option<Value<'_>> {
        match self.text(field) {
            Some(text) => Some(Value::Text(Cow::Borrowed(text))),
            None => self.value(field),
        }
    }
}

impl MemberView<'_> {
    /// The value of a field as it is stored, if the member has one. Of `audience`, which can have many
    /// values, there is none.
    pub fn shown(&self, field: &Field) -> Option<Value<'_>> {
        self.stored(field)
    }
}

impl Filter {
    /// Whether the member matches. Adds the steps to `effort`.
    pub fn matches(&self, view: &MemberView<'_>, effort: &mut Effort) -> bool {
        self.holds(view, effort)
    }

    /// Whether the memberbase matches. Adds the steps to `effort`.
    pub fn matches_base(&self, view: &BaseView<'_>, effort: &mut Effort) -> bool {
        self.holds(view, effort)
    }

    fn holds(&self, view: &impl View, effort: &mut Effort) -> bool {
        match self {
            Self::True => true,
            Self::And(parts) => parts.iter().all(|part| part.holds(view, effort)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(view, effort)),
            Self::Condition(condition) => effort.begin_condition() && condition.holds(view, effort),
            Self::Search(text) => {
                let mut bytes = 0;
                let is_match = effort.begin_condition()
                    && view.profile().is_some_and(|profile| text.matches(profile, &mut bytes));
                effort.add(u64::try_from(bytes).unwrap_or(u64::MAX));
                is_match
            }
        }
    }
}

impl Condition {
    /// Whether the member fulfils this condition.
    pub fn matches(&self, view: &MemberView<'_>) -> bool {
        self.holds(view, &mut Effort::default())
    }

    pub(super) fn holds(&self, view: &impl View, effort: &mut Effort) -> bool {
        let equals = |operand: &Operand| match operand {
            Operand::Audience(audience) => view.is_in(*audience),
            _ => any(view.value(&self.field), |value| operand.compare(value) == Some(Ordering::Equal)),
        };
        let is_in = |operands: &[Operand]| match self.field {
            Field::Audience => operands.iter().any(equals),
            _ => any(view.value(&self.field), |value| {
                operands.binary_search_by(|operand| operand.order(value)).is_ok()
            }),
        };
        let stored = || view.stored(&self.field);
        // The operand is compared with the value, not the value with the operand, so the orders are reversed.
        let is_ordered = |operand: &Operand, fits: fn(Ordering) -> bool| {
            any(stored(), |value| operand.compare(value).is_some_and(fits))
        };
        let text_fits = |fits: &mut dyn FnMut(&str) -> bool| {
            any(stored(), |value| match value {
                Value::Text(text) => fits(text),
                _ => false,
            })
        };
        match &self.op {
            Operator::Eq(operand) => equals(operand),
            Operator::Ne(operand) => !equals(operand),
            Operator::In(operands) => is_in(operands),
            Operator::NotIn(operands) => !is_in(operands),
            Operator::Gt(operand) => is_ordered(operand, Ordering::is_lt),
            Operator::Gte(operand) => is_ordered(operand, Ordering::is_le),
            Operator::Lt(operand) => is_ordered(operand, Ordering::is_gt),
            Operator::Lte(operand) => is_ordered(operand, Ordering::is_ge),
            Operator::Exists(wanted) => view.value(&self.field).is_some() == *wanted,
            Operator::Prefix(prefix) => text_fits(&mut |text| text.starts_with(prefix.as_str())),
            Operator::Regex(pattern) => text_fits(&mut |text| pattern.is_match(text, effort)),
        }
    }
}

/// Whether the value fits; for a list, whether one of its strings fits.
fn any(value: Option<Value<'_>>, mut fits: impl FnMut(&Value<'_>) -> bool) -> bool {
    match value {
        None => false,
        Some(Value::List(items)) => items.iter().any(|item| fits(&Value::Text(Cow::Borrowed(item)))),
        Some(value) => fits(&value),
    }
}

impl View for MemberView<'_> {
    fn profile(&self) -> Option<&Profile> {
        Some(&self.member.profile)
    }

    fn value(&self, field: &Field) -> Option<Value<'_>> {
        let profile = &self.member.profile;
        match field {
            Field::Id => Some(Value::Row(self.row)),
            Field::Email => profile.email.as_ref().map(|email| Value::Text(email.folded(self.fold))),
            Field::Status => Some(Value::Status(self.member.status)),
            Field::Dob => profile.dob.map(Value::Date),
            Field::Gender => profile.gender.map(Value::Gender),
            Field::EnablePayroll => profile.enable_payroll.map(Value::Bool),
            Field::CreatedAt => Some(Value::Instant(self.member.created_at)),
            Field::UpdatedAt => Some(Value::Instant(self.member.updated_at)),
            Field::Attribute(key) => self.member.attributes.get(key).map(|value| match value {
                AttributeValue::Text(text) => Value::Text(Cow::Borrowed(text)),
                AttributeValue::Number(number) => Value::Number(*number),
                AttributeValue::Bool(value) => Value::Bool(*value),
                AttributeValue::List(items) => Value::List(items),
                AttributeValue::Date(at) => Value::Instant(*at),
            }),
            Field::AccountDetails => profile.account_details.as_ref().map(|_| Value::Present),
            // A member may be in many audiences, so conditions ask for each that they name.
            Field::Audience => None,
            Field::Ref
            | Field::FirstName
            | Field::LastName
            | Field::Phone
            | Field::WorkerId
            | Field::Tier
            | Field::Role
            | Field::Company
            | Field::Name => self.text(field).map(|text| Value::Text(Cow::Borrowed(text))),
        }
    }

    fn text(&self, field: &Field) -> Option<&str> {
        fn of<T: AsRef<str>>(value: &Option<T>) -> Option<&str> {
            value.as_ref().map(AsRef::as_ref)
        }
        let profile = &self.member.profile;
        match field {
            Field::Ref => of(&profile.ref_),
            Field::Email => of(&profile.email),
            Field::FirstName => of(&profile.first_name),
            Field::LastName => of(&profile.last_name),
            Field::Phone => of(&profile.phone),
            Field::WorkerId => of(&profile.worker_id),
            Field::Tier => of(&profile.tier),
            Field::Role => of(&profile.role),
            Field::Company => of(&profile.company),
            Field::Attribute(key) => match self.member.attributes.get(key) {
                Some(AttributeValue::Text(text)) => Some(text),
                _ => None,
            },
            Field::Status => Some(self.member.status.as_str()),
            Field::Gender => profile.gender.map(Gender::as_str),
            Field::Id
            | Field::Dob
            | Field::EnablePayroll
            | Field::AccountDetails
            | Field::CreatedAt
            | Field::UpdatedAt
            | Field::Audience
            | Field::Name => None,
        }
    }

    fn is_in(&self, audience: AudienceNumber) -> bool {
        self.audiences.is_in(audience, self.row)
    }
}

impl View for BaseView<'_> {
    fn profile(&self) -> Option<&Profile> {
        None
    }

    /// Parsing lets only these four keys into a filter over memberbases.
    fn value(&self, field: &Field) -> Option<Value<'_>> {
        match field {
            Field::Id => Some(Value::Base(self.number)),
            Field::Name => Some(Value::Text(Cow::Borrowed(self.name))),
            Field::CreatedAt => Some(Value::Instant(self.created_at)),
            Field::UpdatedAt => Some(Value::Instant(self.updated_at)),
            _ => None,
        }
    }

    fn text(&self, field: &Field) -> Option<&str> {
        (*field == Field::Name).then_some(self.name)
    }

    /// A memberbase is in no audience, and parsing lets no such condition into its filters.
    fn is_in(&self, _: AudienceNumber) -> bool {
        false
    }
}

impl Operand {
    /// The order of this operand and a value of its type; `None` for a value of another type.
    pub fn compare(&self, value: &Value<'_>) -> Option<Ordering> {
        match (self, value) {
            (Self::Row(left), Value::Row(right)) => Some(left.cmp(right)),
            (Self::Base(left), Value::Base(right)) => Some(left.cmp(right)),
            (Self::Audience(left), Value::Audience(right)) => Some(left.cmp(right)),
            // Statuses are ordered as texts, not in the order in which members pass through them.
            (Self::Status(left), Value::Status(right)) => Some(left.as_str().cmp(right.as_str())),
            (Self::Gender(left), Value::Gender(right)) => Some(left.cmp(right)),
            (Self::Date(left), Value::Date(right)) => Some(left.cmp(right)),
            (Self::Instant(left), Value::Instant(right)) => Some(left.cmp(right)),
            (Self::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (Self::Number(left), Value::Number(right)) => left.partial_cmp(right),
            (Self::Text(left) | Self::Moment(left, _), Value::Text(right)) => Some(left.as_str().cmp(right)),
            (Self::Moment(_, left), Value::Instant(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// A total order over operands and values of all types, so that lists can be searched.
    pub(super) fn order(&self, value: &Value<'_>) -> Ordering {
        self.compare(value).unwrap_or_else(|| self.as_value().rank().cmp(&value.rank()))
    }

    /// The operand as a value that it would equal.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Row(row) => Value::Row(*row),
            Self::Base(base) => Value::Base(*base),
            Self::Audience(audience) => Value::Audience(*audience),
            Self::Status(status) => Value::Status(*status),
            Self::Gender(gender) => Value::Gender(*gender),
            Self::Date(date) => Value::Date(*date),
            Self::Instant(at) => Value::Instant(*at),
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) | Self::Moment(text, _) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

impl Value<'_> {
    /// The rank of the value's type among the types.
    fn rank(&self) -> u8 {
        match self {
            Self::Row(_) => 0,
            Self::Base(_) => 1,
            Self::Status(_) => 2,
            Self::Gender(_) => 3,
            Self::Date(_) => 4,
            Self::Instant(_) => 5,
            Self::Bool(_) => 6,
            Self::Number(_) => 7,
            Self::Text(_) => 8,
            Self::List(_) => 9,
            Self::Present => 10,
            Self::Audience(_) => 11,
        }
    }
}
