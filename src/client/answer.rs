//! What the daemon has said: a status, and JSON.
//! Knows nothing of what it means.
use serde_json::Value;

use crate::exit::Failure;

/// An answer.
pub(crate) struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, body }
    }

    /// The JSON of a good answer; `null` when there is none.
    ///
    /// # Errors
    /// The daemon said no, or something that cannot be understood.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        match self.status {
            200..=299 if self.body.is_empty() => Ok(Value::Null),
            200..=299 => serde_json::from_slice(&self.body)
                .map_err(|error| Failure::Other(format!("the daemon's answer is no JSON: {error}"))),
            status => Err(refusal(status, &self.body)),
        }
    }
}

/// What a bad status means.
pub(super) fn refusal(status: u16, body: &[u8]) -> Failure {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str()).map(str::to_owned);
    let words = detail.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body).trim().to_owned();
        if text.is_empty() { format!("the daemon answered {status}") } else { text }
    });
    match status {
        404 => Failure::Unknown(words),
        400 => Failure::Usage(words),
        // A limit is reached, a file cannot be written, or it leaves.
        503 => Failure::Refused(words),
        500.. => Failure::Other(words),
        _ => Failure::Refused(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_by_the_exit_code_what_kind_of_no_it_was() {
        let problem = br#"{"detail":"why"}"#;
        for (status, failure) in [
            (400, Failure::Usage("why".into())),
            (403, Failure::Refused("why".into())),
            (404, Failure::Unknown("why".into())),
            (429, Failure::Refused("why".into())),
            (500, Failure::Other("why".into())),
            (501, Failure::Other("why".into())),
            (503, Failure::Refused("why".into())),
        ] {
            let answer = Answer::new(status, problem.to_vec());
            assert_eq!(answer.json(), Err(failure), "{status}");
        }
        assert_eq!(refusal(503, b" busy\n"), Failure::Refused("busy".into()));
        assert_eq!(refusal(502, b""), Failure::Other("the daemon answered 502".into()));
        assert_eq!(Answer::new(204, Vec::new()).json(), Ok(Value::Null));
    }
}
