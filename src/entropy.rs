//! Randomness for the core, from the operating system's generator.
//! Knows nothing of the secrets that are made of it.
use std::process;

use rcomet_core::chance::Entropy;

/// The operating system's generator, known to work.
pub(crate) struct OperatingSystem(());

impl OperatingSystem {
    /// Draws once, so that a system without randomness is found at the start and not at the first token.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(crate) fn probe() -> Result<Self, getrandom::Error> {
        getrandom::fill(&mut [0; 16])?;
        Ok(Self(()))
    }
}

impl Entropy for OperatingSystem {
    fn fill(&mut self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            // Linux promises that this cannot happen after the first success. Tokens that can be guessed would be
            // worse than no server.
            log::error!("the operating system has stopped giving random bytes: {error}");
            process::abort();
        }
    }
}
