//! How a command ended, for the scripts that called it.
use std::error::Error;
use std::fmt;

/// Why a command has not done what it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It went wrong: 1.
    Other(String),
    /// It was asked for in a wrong way: 2.
    Usage(String),
    /// No daemon runs: 3.
    NotRunning(String),
    /// There is no such key, channel or client: 4.
    Unknown(String),
    /// The daemon will not: 5.
    Refused(String),
    /// Nothing happened in time: 6.
    TimedOut(String),
    /// A daemon runs already: 7.
    AlreadyRunning(String),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::NotRunning(_) => 3,
            Self::Unknown(_) => 4,
            Self::Refused(_) => 5,
            Self::TimedOut(_) => 6,
            Self::AlreadyRunning(_) => 7,
        }
    }

    /// The failure with this code.
    pub(crate) fn of_code(code: u8, words: String) -> Self {
        match code {
            2 => Self::Usage(words),
            3 => Self::NotRunning(words),
            4 => Self::Unknown(words),
            5 => Self::Refused(words),
            6 => Self::TimedOut(words),
            7 => Self::AlreadyRunning(words),
            _ => Self::Other(words),
        }
    }

    /// The word for a program that reads JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Other(_) => "failed",
            Self::Usage(_) => "usage",
            Self::NotRunning(_) => "not-running",
            Self::Unknown(_) => "unknown",
            Self::Refused(_) => "refused",
            Self::TimedOut(_) => "timeout",
            Self::AlreadyRunning(_) => "already-running",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(words)
            | Self::Usage(words)
            | Self::NotRunning(words)
            | Self::Unknown(words)
            | Self::Refused(words)
            | Self::TimedOut(words)
            | Self::AlreadyRunning(words) => f.write_str(words),
        }
    }
}

impl Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}
