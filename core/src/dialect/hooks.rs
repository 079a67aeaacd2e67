//! What an application is asked about a request, and what it is told of a subscription.
//! Knows nothing of how it is reached.
use std::sync::Arc;

use crate::config::{Template, Upstream};

/// Fields of a request, each with its line end, as an application is to see them.
pub type Fields = Arc<[u8]>;

/// What an application has to say before a request is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Whether it may be.
    pub authorize: Option<Upstream>,
    /// What becomes of the message in it.
    pub rewrite: Option<Upstream>,
    /// What it is told of the request.
    pub fields: Fields,
}

/// Who is told that a subscription has begun and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// The application that is told of the beginning.
    pub subscribe: Option<Upstream>,
    /// The application that is told of the end.
    pub unsubscribe: Option<Upstream>,
    /// What it is told of the request.
    pub fields: Fields,
    /// The channel in which it is told.
    pub events: Option<Arc<Events>>,
}

impl Follow {
    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.fields.len() + self.events.as_ref().map_or(0, |events| events.bytes())
    }
}

/// Where it is told what happens in channels, and in which words.
#[derive(Debug, PartialEq, Eq)]
pub struct Events {
    /// The name of the channel in which it is told.
    pub to: String,
    /// The words, if they are not the usual ones.
    pub words: Option<Template>,
    /// Ids of the channels in which it happens.
    pub ids: Vec<String>,
}

impl Events {
    /// What is said of this event in the channel of this id.
    pub fn text(&self, event: &str, id: &str) -> String {
        match &self.words {
            Some(words) => words.fill(&[("event", event.into()), ("channel", id.into())]),
            None => format!("{event} {id}"),
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.to.len()
            + self.ids.iter().map(|id| id.len() + size_of::<String>()).sum::<usize>()
    }
}
