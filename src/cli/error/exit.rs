//! The exit codes of commands that end early.

/// The arguments are not valid, or a setting is wrong.
pub const EXIT_USAGE: u8 = 64;
/// The input is not valid.
pub const EXIT_DATA: u8 = 65;
/// The server cannot be reached, or refused the call.
pub const EXIT_SERVICE: u8 = 69;
/// A file, or standard output, cannot be read or written.
pub const EXIT_IO: u8 = 74;
/// Added to the number of the signal that stopped the command, as shells do for a program that a signal has
/// ended.
pub const EXIT_SIGNAL: u8 = 128;
/// Nobody reads standard output any more: the code that shells use for SIGPIPE (128 and the number of the
/// signal).
pub const EXIT_PIPE: u8 = 128 + 13;
