//! Lists of members as their makers see them: files become rows of cells, and nothing is guessed.
//!
//! This layer knows neither members nor bases nor the command line. It says what stands in which cell, or why
//! a cell or a file cannot be read. Its callers match columns to fields and parse the texts.
//!
//! - [`workbook`] reads spreadsheets: `.xlsx` and `.ods`.

pub mod workbook;
