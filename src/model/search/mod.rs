//! Searching members by what people type: beginnings of words, without regard to case and accents.
//!
//! - **The fields** that are searched are `ref`, `email`, `first_name`, `last_name`, `worker_id`, `role` and
//!   `company`.
//! - **A text is folded** before it is compared: by NFKD, without the combining marks U+0300 to U+036F, each
//!   character in lower case, and `ς` as `σ`. So `José`, `JOSE` and `jose` are equal, and so are full-width
//!   and ordinary letters. Other marks stay, because they are the vowels of other scripts.
//! - **A word** begins with a letter or digit, as Unicode has them (`Alphabetic` and numbers), and goes on
//!   with letters, digits and marks. So the words of `ana.maria@example.com` are `ana`, `maria`, `example`
//!   and `com`, and those of `O'Brien` are `o` and `brien`. A name that is written without spaces, as in
//!   Chinese or Japanese, is one word.
//! - **A member matches** if each word of the search is the beginning of some word of some field.
//!
//! A word's [`Token`] stands for its first three characters. The search sets have a set of rows for each
//! token. Stores keep them, so folding, words and tokens never change within one [`SEARCH_VERSION`].

mod fold;
mod text;
mod token;

pub use self::text::SearchText;
pub use self::token::{
    SEARCH_VERSION, Token, TokenRange, push_tokens, push_tokens_of_new, same_words, word_ranges,
};
