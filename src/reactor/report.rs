//! What an administrator is told without asking: which limits were reached, once a minute at the most.
//! Knows nothing of what the limits are.
use rcomet_core::Counters;
use rcomet_core::time::Moment;

/// The time between two lines in the log.
const PERIOD_MS: u64 = 60_000;

/// The counters as they were reported last.
#[derive(Default)]
pub(super) struct Report {
    told: Counters,
    /// When the next line may come, if there is something to tell.
    due: Option<Moment>,
    last: Moment,
}

impl Report {
    /// Looks at the counters; a line when it is time for one. The first comes at once, those after it gather a minute's
    /// worth.
    pub(super) fn look(&mut self, counters: &Counters, now: Moment) -> Option<String> {
        let due = match self.due {
            Some(due) => due,
            None if *counters == self.told => return None,
            None if moved(&self.told, counters).next().is_none() => {
                self.told = *counters;
                return None;
            }
            None if self.last == Moment(0) => now,
            None => self.last.after_ms(PERIOD_MS),
        };
        if now < due {
            self.due = Some(due);
            return None;
        }
        let list: Vec<String> =
            moved(&self.told, counters).map(|(name, by)| format!("{name} +{by}")).collect();
        (self.told, self.due, self.last) = (*counters, None, now);
        Some(format!("limits reached (see /metrics on the admin side): {}", list.join(", ")))
    }

    /// When it wants to look again though nothing happens.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }
}

fn moved<'c>(before: &'c Counters, now: &'c Counters) -> impl Iterator<Item = (&'static str, u64)> + use<'c> {
    before.limits().into_iter().zip(now.limits()).filter_map(|((name, _, old), (_, _, new))| {
        let by = new - old;
        (by > 0).then_some((name, by))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_at_once_and_then_once_a_minute() {
        let (mut report, mut counters) = (Report::default(), Counters::default());
        assert_eq!(report.look(&counters, Moment(5)), None);
        counters.published += 1;
        assert_eq!(report.look(&counters, Moment(10)), None, "that is no limit");
        counters.heads_too_large += 2;
        counters.bodies_too_large += 1;
        let said = report.look(&counters, Moment(20)).expect("the first is told at once");
        assert!(said.ends_with(": heads_too_large +2, bodies_too_large +1"), "{said}");
        assert_eq!((report.look(&counters, Moment(30)), report.due()), (None, None), "and once");
        counters.heads_too_large += 1;
        assert_eq!(report.look(&counters, Moment(40)), None);
        assert_eq!(report.due(), Some(Moment(60_020)));
        counters.heads_too_large += 4;
        assert_eq!(report.look(&counters, Moment(60_019)), None);
        let said = report.look(&counters, Moment(60_020)).expect("a minute's worth");
        assert!(said.ends_with(": heads_too_large +5"), "{said}");
        assert_eq!(report.due(), None);
    }
}
