//! `websocket_client_heartbeat`: a client's own sign of life, and what is said to it.
//! Knows nothing of WebSockets.
use serde::Deserialize;

/// Two texts: the one that a client sends, and the one that it is answered with (`nchan_websocket_client_heartbeat`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "HeartbeatText")]
pub struct Heartbeat {
    /// What is sent, and not published.
    pub asks: String,
    /// What it is answered with.
    pub answers: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of two texts, such as [\"ping\", \"pong\"]")]
enum HeartbeatText {
    Two(String, String),
}

impl From<HeartbeatText> for Heartbeat {
    fn from(HeartbeatText::Two(asks, answers): HeartbeatText) -> Self {
        Self { asks, answers }
    }
}
