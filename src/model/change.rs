//! What a request does to one value.

/// What happens to one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// It was not named: it stays, or is cleared where the semantics are [`Semantics::Replace`](crate::model::Semantics::Replace).
    #[default]
    Keep,
    /// It loses its value.
    Clear,
    /// It gets this value.
    Set(T),
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Whether the field was not named.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// An absent value is not named.
impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}
