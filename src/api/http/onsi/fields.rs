//! Takes the fields of a body one after another. Fields that are left over or invalid are noted with their
//! paths.

use super::issue::Code;
use super::issues::Issues;
use crate::api::http::tree::{Entries, Tree};
use crate::model::Change;

/// Whether a field is required, and whether it may be `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is required.
    Required,
    /// It may be absent.
    Optional,
    /// It may be absent or `null`.
    Nullable,
}

/// An object, and its fields that are not yet taken.
pub struct Fields<'a> {
    /// The prefix of its fields' paths.
    prefix: &'static str,
    fields: Vec<(String, Tree)>,
    issues: &'a mut Issues,
}

impl<'a> Fields<'a> {
    /// The object that `fields` are. `prefix` is empty, or a path with its dot.
    pub fn new(prefix: &'static str, fields: Entries, issues: &'a mut Issues) -> Self {
        Self { prefix, fields: fields.0, issues }
    }

    /// Whether a field of this name was sent and not yet taken.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, _)| other == name)
    }

    /// A string.
    pub fn text(&mut self, name: &str, presence: Presence) -> Change<String> {
        let read = |value| match value {
            Tree::Text(text) => Some(text),
            _ => None,
        };
        self.field(name, presence, "a string", read)
    }

    /// A boolean.
    pub fn flag(&mut self, name: &str, presence: Presence) -> Change<bool> {
        let read = |value| match value {
            Tree::Bool(value) => Some(value),
            _ => None,
        };
        self.field(name, presence, "a boolean", read)
    }

    /// An object.
    pub fn object(&mut self, name: &str, presence: Presence) -> Change<Entries> {
        let read = |value| match value {
            Tree::Object(fields) => Some(fields),
            _ => None,
        };
        self.field(name, presence, "an object", read)
    }

    /// A list.
    pub fn list(&mut self, name: &str, presence: Presence) -> Change<Vec<Tree>> {
        let read = |value| match value {
            Tree::List(values) => Some(values),
            _ => None,
        };
        self.field(name, presence, "an array", read)
    }

    /// The fields that are left over, for another reader.
    pub fn rest(self) -> Entries {
        Entries(self.fields)
    }

    /// The faults of this object and those around it.
    pub fn issues(&mut self) -> &mut Issues {
        self.issues
    }

    /// Notes every field that is left over.
    pub fn finish(self) {
        for (name, _) in self.fields {
            let path = format!("{}{name}", self.prefix);
            self.issues.add(Code::BodyValidation, path, "is not a field of this call");
        }
    }

    /// Takes a field. An invalid field counts as absent, which does not matter once its fault is noted.
    fn field<T>(
        &mut self,
        name: &str,
        presence: Presence,
        wanted: &str,
        read: impl FnOnce(Tree) -> Option<T>,
    ) -> Change<T> {
        let path = format!("{}{name}", self.prefix);
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.push((path.clone(), presence)));
        let mut taken: Vec<_> = self.fields.extract_if(.., |(other, _)| other == name).collect();
        let (sent, is_twice) = (taken.pop(), !taken.is_empty());
        let or_null = if presence == Presence::Nullable { " or null" } else { "" };
        let mut refuse = |description: &str| self.issues.add(Code::BodyValidation, path.clone(), description);
        match sent.map(|(_, value)| value) {
            _ if is_twice => refuse("is given twice"),
            None if presence == Presence::Required => refuse("is required"),
            None => {}
            Some(Tree::Null) if presence == Presence::Nullable => return Change::Clear,
            Some(value) => match read(value) {
                None => refuse(&format!("must be {wanted}{or_null}")),
                Some(value) => return Change::Set(value),
            },
        }
        Change::Keep
    }
}

#[cfg(test)]
thread_local! {
    static ASKED: std::cell::RefCell<Vec<(String, Presence)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The fields that `read` tried to take, with their paths.
#[cfg(test)]
pub fn asked(read: impl FnOnce()) -> Vec<(String, Presence)> {
    ASKED.with_borrow_mut(Vec::clear);
    read();
    ASKED.with_borrow_mut(std::mem::take)
}
