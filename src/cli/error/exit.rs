//! The exit codes of commands that end early.

/// The arguments make no sense, or a setting is wrong.
pub const EXIT_USAGE: u8 = 64;
/// The input is not what it should be.
pub const EXIT_DATA: u8 = 65;
/// The server cannot be reached, or refused.
pub const EXIT_SERVICE: u8 = 69;
/// A file, or standard output, cannot be read or written.
pub const EXIT_IO: u8 = 74;
/// And the number of the signal that asked the command to end: what a shell says of a program that it has ended.
pub const EXIT_SIGNAL: u8 = 128;
/// Nobody reads standard output any more: what a shell says of a program that a closed pipe stopped (128 and the signal, SIGPIPE).
pub const EXIT_PIPE: u8 = 128 + 13;
