//! `/echo`: every message comes back as it went, text as text and bytes as bytes.
use super::{Call, DialectId, Opening, Outcome, Refusal, Request, Talker};
use crate::config::Config;
use crate::wire::ws::Fault;

/// Says what it hears.
pub struct Echo;

impl Talker for Echo {
    /// Nobody subscribes here.
    fn dialect(&self) -> DialectId {
        DialectId::Native
    }

    fn open<'b>(&self, _request: &Request<'_, 'b>, _config: &Config) -> Result<Opening<'b>, Refusal> {
        Ok(Opening::default())
    }

    fn text<'m>(&self, _topic: &str, _text: &'m str, _config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Ok(vec![Call::Echo])
    }

    fn binary<'m>(&self, _topic: &str, _bytes: &'m [u8], _config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Ok(vec![Call::Echo])
    }

    fn answer(&self, _tag: Option<&str>, _outcome: &Outcome<'_>, _out: &mut Vec<u8>) {}
}
