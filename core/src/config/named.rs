//! What a request at a location is about: channels, their group, and where it is told what happens to them.
//! Knows nothing of what is to be done with them.
use std::collections::BTreeSet;

use super::location::Location;
use super::location_path::Template;
use super::push::Duty;
use crate::hub::group_of;
use crate::wire::http1::head::Head;

/// The group of channels that are told what happens in others.
pub(super) const META: &str = "meta";

/// What a request at a location means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Names of its channels, each once; of a group's location, the group.
    pub channels: Vec<String>,
    /// Their group; empty for none.
    pub group: String,
    /// The channel in which it is told what happens to them.
    pub events: Option<String>,
    /// Groups that the request itself has named and has no business in: in ids with a slash where the location has none, or
    /// that in which events are told.
    pub strays: Vec<String>,
    /// What it names is text. Where it is not, several bytes that differ would be the same in a name.
    pub is_text: bool,
    /// One of its ids has more bytes than the location lets them have.
    pub is_too_long: bool,
}

impl Named {
    /// Whether its channels are those in which the server tells what happens.
    pub fn is_of_events(&self) -> bool {
        self.group == META
    }
}

impl Location {
    /// What a request means; `None` when it names no channel.
    pub fn names(&self, head: &Head<'_, '_>) -> Option<Named> {
        self.named(head, &self.channels)
    }

    /// What a request means that publishes: at a location for both it may be about other channels.
    pub fn names_published(&self, head: &Head<'_, '_>) -> Option<Named> {
        let others = &self.publisher_channels;
        self.named(head, if others.is_empty() { &self.channels } else { others })
    }

    fn named(&self, head: &Head<'_, '_>, channels: &[Template]) -> Option<Named> {
        let (variables, is_text) = self.path.variables(head)?;
        // Each with the group that the configuration puts it into.
        let ids: Vec<(String, Option<&str>)> = if channels.is_empty() {
            variables.iter().map(|(_, value)| (value.clone(), None)).collect()
        } else {
            channels.iter().map(|template| (template.fill(&variables), template.group())).collect()
        };
        let ids: Vec<(&str, Option<&str>)> = if self.split.is_empty() {
            ids.iter().map(|(id, group)| (id.as_str(), *group)).collect()
        } else {
            ids.iter().flat_map(|(id, group)| id.split(self.split.as_str()).map(|id| (id, *group))).collect()
        };
        let strays = match &self.group {
            None if self.role != Duty::Group => ids.iter().filter_map(stray).map(str::to_owned).collect(),
            // Who chooses a group does not choose that one.
            Some(group) if group.names().next().is_some() && group.fill(&variables) == META => {
                vec![META.to_owned()]
            }
            _ => Vec::new(),
        };
        let ids: Vec<&str> = ids.into_iter().map(|(id, _)| id).collect();
        let most = self.channel_id_bytes_max;
        let is_too_long = most > 0 && ids.iter().any(|id| id.len() > most);
        if self.role != Duty::StubStatus && (ids.is_empty() || ids.iter().any(|id| id.is_empty())) {
            return None;
        }
        let group = match &self.group {
            None => String::new(),
            // With a slash in it, it would be another group's.
            Some(group) => Some(group.fill(&variables)).filter(|g| !g.is_empty() && !g.contains('/'))?,
        };
        let name = |id: &str| if group.is_empty() { id.into() } else { format!("{group}/{id}") };
        // Named more than once, a channel is still one.
        let mut known = BTreeSet::new();
        let channels = ids.iter().map(|id| name(id)).filter(|name| known.insert(name.clone())).collect();
        let events = self.channel_events_channel_id.as_ref().filter(|_| group != META);
        let events = events.map(|template| format!("{META}/{}", template.fill(&variables)));
        Some(Named { channels, group, events, strays, is_text, is_too_long })
    }
}

/// The group of an id, if it is another than the one that was meant.
fn stray<'i>(&(id, meant): &(&'i str, Option<&str>)) -> Option<&'i str> {
    group_of(id).filter(|of| Some(*of) != meant)
}
