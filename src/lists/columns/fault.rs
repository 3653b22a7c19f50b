use thiserror::Error;

use crate::lists::field::Field;

/// What is wrong with a header. Columns are named by their number, or by their letters in a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadingFault {
    /// No such column is known.
    #[error("{column} {name:?} is unknown")]
    Unknown {
        /// The place of the column, such as `column 3`.
        column: String,
        /// Its name.
        name: String,
    },
    /// Two columns would set the same.
    #[error("{column} {name:?} is a duplicate of {first} {first_name:?}")]
    Duplicate {
        /// The place of the later column.
        column: String,
        /// Its name.
        name: String,
        /// The place of the earlier column.
        first: String,
        /// Its name.
        first_name: String,
    },
    /// Attributes would come from two columns.
    #[error("give either the column attributes or columns attributes.<key>, not both")]
    AttributesTwice,
    /// The caller needs one of these columns.
    #[error("there is no column {}", either(.fields))]
    Missing {
        /// The fields of the columns.
        fields: Vec<Field>,
    },
    /// The header is one name, which contains what is probably the delimiter.
    #[error(
        "the first line has only one column, and its name contains {delimiter:?}, which is probably the \
         delimiter"
    )]
    OtherDelimiter {
        /// The probable delimiter.
        delimiter: char,
    },
}

fn either(fields: &[Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| format!("{:?}", field.name())).collect();
    names.join(" or ")
}
