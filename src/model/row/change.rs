//! The change of one field.

/// What a request does to one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// The request does not name the field: it stays, or is cleared under
    /// [`Semantics::Replace`](crate::model::Semantics::Replace).
    #[default]
    Keep,
    /// The field loses its value.
    Clear,
    /// The field gets this value.
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

    /// Whether the request does not name the field.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// `None` means that the request does not name the field.
impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}
