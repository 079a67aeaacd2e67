//! What is asked to be kept of a channel, and is more than the limits of all channels let it be.
//! Knows nothing of how much there is.
use super::location::Location;
use super::push::Duty;
use super::{Config, SimpleComet};

impl Config {
    /// In words for the administrator: nothing else would say that less is kept.
    pub(super) fn capped(&self) -> Vec<String> {
        let publishers = self
            .push
            .location
            .iter()
            .filter(|one| one.store && matches!(one.role, Duty::Publisher | Duty::Pubsub));
        let mut said: Vec<String> = publishers.flat_map(|location| self.capped_at(location)).collect();
        said.extend(self.push.location.iter().filter_map(|location| self.capped_ids(location)));
        said.extend(self.push.location.iter().filter_map(|location| self.outlived(location)));
        let wanted = self.simple_comet.max_messages_per_channel;
        let most = self.limits.history_messages_max;
        if wanted > most && wanted != SimpleComet::default().max_messages_per_channel {
            said.push(format!(
                "simple_comet.max_messages_per_channel = {wanted} is more than limits.history_messages_max = {most}: so many are \
                 kept, and not more; raise that one, too"
            ));
        }
        said
    }

    fn capped_ids(&self, location: &Location) -> Option<String> {
        let (wanted, most) = (location.channel_id_bytes_max, self.limits.channel_name_bytes_max);
        (wanted > most).then(|| {
            format!(
                "push.location `{}`: channel_id_bytes_max = {wanted} is more than limits.channel_name_bytes_max = {most}: names have \
                 no more bytes, with the group and its slash; raise that one, too",
                location.path
            )
        })
    }

    fn outlived(&self, location: &Location) -> Option<String> {
        let (wanted, least) = (location.channel_timeout_ms, self.icomet.channel_timeout_ms);
        (wanted > 0 && wanted < least).then(|| {
            format!(
                "push.location `{}`: channel_timeout_ms = {wanted} is less than icomet.channel_timeout_ms = {least}, which holds for the \
                 channels of all dialects: lower that one, or leave this out",
                location.path
            )
        })
    }

    fn capped_at(&self, location: &Location) -> Vec<String> {
        let usual = Location::new(location.path.clone(), location.role);
        let rules = &self.history.rule;
        let mut said = Vec::new();
        let (wanted, most) = (location.messages_max, self.limits.history_messages_max);
        let has_room = rules.iter().any(|rule| rule.messages_max.is_some_and(|most| most >= wanted));
        if wanted > most && wanted != usual.messages_max && !has_room {
            said.push(format!(
                "push.location `{}`: messages_max = {wanted} is more than limits.history_messages_max = {most}: so many are kept, and \
                 not more; raise that one, too",
                location.path
            ));
        }
        let (wanted, most) = (location.message_timeout_ms, self.limits.history_age_ms_max);
        let has_time = rules.iter().any(|rule| rule.age_seconds.is_some());
        if most > 0 && (wanted == 0 || wanted > most) && wanted != usual.message_timeout_ms && !has_time {
            said.push(format!(
                "push.location `{}`: message_timeout_ms = {wanted} is longer than limits.history_age_ms_max = {most}: messages are \
                 kept for so long, and not longer; raise that one, too",
                location.path
            ));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HistoryRule, Push};

    fn config(location: &str) -> Config {
        let location = serde_json::from_str(location).expect(location);
        Config { push: Push { location: vec![location] }, ..Config::default() }
    }

    #[test]
    fn more_than_a_channel_keeps_is_told() {
        let mut config = config(
            r#"{"path": "/p/{id}", "role": "publisher", "messages_max": 5000, "message_timeout_ms": 0}"#,
        );
        assert_eq!(config.warnings().len(), 1, "{:?}", config.warnings());
        let words =
            "push.location `/p/{id}`: messages_max = 5000 is more than limits.history_messages_max = 1000";
        assert!(config.warnings()[0].starts_with(words));
        config.limits.history_age_ms_max = 60_000;
        assert!(
            config.warnings()[1]
                .contains("message_timeout_ms = 0 is longer than limits.history_age_ms_max = 60000")
        );
        config.limits.history_messages_max = 5_000;
        config.limits.history_age_ms_max = 0;
        assert_eq!(config.warnings(), Vec::<String>::new());
        // What was not asked for is not told.
        config.limits.history_messages_max = 5;
        config.push.location[0] = Location::new(config.push.location[0].path.clone(), Duty::Publisher);
        assert_eq!(config.warnings(), Vec::<String>::new());
    }

    /// Each value that cannot be had is told, and no longer when what stands in its way is raised or lowered.
    #[test]
    fn what_holds_for_all_channels_is_told_to_who_wants_it_otherwise() {
        type Remedy = fn(&mut Config);
        let cases: [(&str, &str, Remedy); 2] = [
            (
                r#""channel_id_bytes_max": 1024"#,
                "channel_id_bytes_max = 1024 is more than limits.channel_name_bytes_max = 255",
                |config| config.limits.channel_name_bytes_max = 1024,
            ),
            (
                r#""channel_timeout_ms": 50000"#,
                "channel_timeout_ms = 50000 is less than icomet.channel_timeout_ms = 60000",
                |config| config.icomet.channel_timeout_ms = 50_000,
            ),
        ];
        for (option, words, remedy) in cases {
            let mut config = config(&format!(r#"{{"path": "/p/{{id}}", "role": "subscriber", {option}}}"#));
            let said = config.warnings();
            let [warning] = &said[..] else { panic!("{option}: {said:?}") };
            assert!(warning.starts_with(&format!("push.location `/p/{{id}}`: {words}")), "{warning}");
            remedy(&mut config);
            assert_eq!(config.warnings(), Vec::<String>::new());
        }
    }

    #[test]
    fn a_rule_may_be_what_makes_the_room() {
        let mut config = config(r#"{"path": "/p/{id}", "role": "publisher", "messages_max": 5000}"#);
        let rule: HistoryRule =
            serde_json::from_str(r#"{"match": "room/*", "messages_max": 5000}"#).expect("a rule");
        config.history.rule.push(rule);
        assert_eq!(config.warnings(), Vec::<String>::new());
    }

    #[test]
    fn simple_comets_is_told_as_well() {
        let mut config = Config::default();
        config.simple_comet.max_messages_per_channel = 2_000;
        assert!(config.warnings()[0].starts_with(
            "simple_comet.max_messages_per_channel = 2000 is more than limits.history_messages_max = 1000"
        ));
        config.limits.history_messages_max = 2_000;
        assert_eq!(config.warnings(), Vec::<String>::new());
    }
}
