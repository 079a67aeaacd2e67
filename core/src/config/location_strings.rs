//! `channel_event_string` and `subscriber_info_string`: texts of a location that are made of what happens there, and of who is there.
//! Knows nothing of what is filled in.
use super::location::Location;
use super::location_mistake::Mistake;
use super::wording::TEXT_BYTES_MAX;

/// What can be said of an event.
const OF_EVENTS: [&str; 2] = ["event", "channel"];
/// What can be said of a reader: what is known of it in any case.
const OF_READERS: [&str; 7] = ["transport", "dialect", "address", "side", "client", "channel", "who"];

impl Location {
    /// What is wrong with them.
    pub(super) fn check_strings(&self) -> Result<(), Mistake> {
        for (option, string, known) in [
            ("channel_event_string", &self.channel_event_string, &OF_EVENTS[..]),
            ("subscriber_info_string", &self.subscriber_info_string, &OF_READERS[..]),
        ] {
            let Some(string) = string else { continue };
            let path = &self.path;
            if let Some(unknown) = string.names().find(|name| !known.contains(name)) {
                let known = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
                return Err(Mistake::new(
                    option,
                    format!("`{path}`: {option} knows {known}, and no `{unknown}`"),
                ));
            }
            if string.len() > TEXT_BYTES_MAX {
                let words = format!("`{path}` has more than {TEXT_BYTES_MAX} bytes in its {option}");
                return Err(Mistake::new(option, words));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_made_of_what_is_known() {
        let check = |option: &str, string: &str| {
            let json = format!(r#"{{"path": "/x/{{id}}", "role": "publisher", "{option}": "{string}"}}"#);
            let location: Location = serde_json::from_str(&json).map_err(|why| why.to_string())?;
            location.check_strings().map_err(|mistake| mistake.to_string())
        };
        let long = "x".repeat(TEXT_BYTES_MAX - 9);
        let too_long = format!("{long}x{{channel}}");
        for (option, string, words) in [
            ("channel_event_string", "{id}", "knows {event}, {channel}, and no `id`"),
            ("subscriber_info_string", "{event}", "{channel}, {who}, and no `event`"),
            ("subscriber_info_string", "{user_agent}", "knows {transport}, {dialect}, {address}, {side}, "),
            ("channel_event_string", &too_long, "more than 255 bytes in its channel_event_string"),
            ("subscriber_info_string", &too_long, "more than 255 bytes in its subscriber_info_string"),
            ("subscriber_info_string", "$nchan_subscriber_type $remote_addr", "write {name}"),
            ("subscriber_info_string", "{transport", "no text with names in it"),
            ("subscriber_info_string", "", "no text with names in it"),
        ] {
            let why = check(option, string).expect_err(string);
            assert!(why.contains(words), "{option} = {string}: {why}");
        }
        for (option, string) in [
            ("channel_event_string", format!("{long}{{channel}}")),
            ("channel_event_string", "{event} of {channel}, 3 $".into()),
            ("subscriber_info_string", OF_READERS.map(|name| format!("{{{name}}}")).concat()),
        ] {
            assert_eq!(check(option, &string), Ok(()), "{string}");
        }
    }
}
