//! One field of a member, of which several conditions can ask.

use std::borrow::Cow;

use super::eval::{MemberView, Value, View};
use crate::model::filter::{Condition, Effort, Field};
use crate::model::id::AudienceNumber;
use crate::model::membership::member::Profile;

/// What conditions see of one field of a member. Of `audience`, which can have many values, they see none.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The text as it is stored.
    stored: Option<&'a str>,
    /// The value that the operators of equality compare.
    compared: Option<Value<'a>>,
}

impl MemberView<'_> {
    /// One field of the member.
    pub fn seen(&self, field: &Field) -> Seen<'_> {
        Seen { stored: self.text(field), compared: self.value(field) }
    }
}

impl Seen<'_> {
    /// Whether it fulfils a condition on its field. Adds the steps to `effort`, which keeps the states of a
    /// regular expression from one member to the next: use it for one such condition only.
    pub fn fulfils(&self, condition: &Condition, effort: &mut Effort) -> bool {
        condition.holds(self, effort)
    }

    /// The texts that the operators of equality compare: of a list each.
    pub fn compared_texts(&self) -> impl Iterator<Item = &str> {
        texts(self.compared.as_ref())
    }

    /// The texts as they are stored: of a list each.
    pub fn stored_texts(&self) -> impl Iterator<Item = &str> {
        let others = self.compared.as_ref().filter(|_| self.stored.is_none());
        self.stored.into_iter().chain(texts(others))
    }
}

fn texts<'a>(value: Option<&'a Value<'_>>) -> impl Iterator<Item = &'a str> {
    let (one, many) = match value {
        Some(Value::Text(text)) => (Some(&**text), &[][..]),
        Some(Value::List(items)) => (None, *items),
        Some(_) | None => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().map(String::as_str))
}

/// Only the field that was seen can be asked for.
impl View for Seen<'_> {
    fn profile(&self) -> Option<&Profile> {
        None
    }

    fn value(&self, _: &Field) -> Option<Value<'_>> {
        self.compared.as_ref().map(|value| match value {
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            other => other.clone(),
        })
    }

    fn text(&self, _: &Field) -> Option<&str> {
        self.stored
    }

    fn is_in(&self, _: AudienceNumber) -> bool {
        false
    }
}
