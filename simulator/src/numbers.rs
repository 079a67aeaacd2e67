//! Numbers on the command line: those that make sense for a load, and what is said of the others.
//! Knows nothing of what they are for.
use std::ops::RangeInclusive;

use clap::builder::RangedI64ValueParser;

/// Seconds of a run: eleven days at most, so that no clock runs over.
const SECONDS: RangeInclusive<f64> = 0.001..=1e6;
/// How often a second something is done.
const RATE: RangeInclusive<f64> = 0.001..=1e9;
/// More of something, in percent of the others.
const PERCENT: RangeInclusive<f64> = 0.0..=1_000.0;
/// Subscribers, channels, connections: more than any machine has ports and memory for.
const COUNT_MAX: i64 = 10_000_000;
/// A day.
const PATIENCE_MS_MAX: u64 = 86_400_000;

/// A time in seconds.
///
/// # Errors
/// It is no number, or none between 0.001 and a million.
pub fn seconds(text: &str) -> Result<f64, String> {
    within(text, &SECONDS)
}

/// How often a second.
///
/// # Errors
/// It is no number, or none between 0.001 and a thousand million.
pub fn rate(text: &str) -> Result<f64, String> {
    within(text, &RATE)
}

/// How often a second, or 0, which means something else or nothing at all.
///
/// # Errors
/// It is neither 0 nor a rate.
pub fn rate_or_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(0.0),
        _ => rate(text).map_err(|words| format!("{words}, or 0")),
    }
}

/// A share in percent, 0 among them.
///
/// # Errors
/// It is no number, or none between 0 and 1,000.
pub fn percent(text: &str) -> Result<f64, String> {
    within(text, &PERCENT)
}

/// How many there are of something that there has to be one of at least.
pub fn count() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=COUNT_MAX)
}

/// Milliseconds that are waited.
pub fn patience_ms() -> clap::builder::RangedU64ValueParser {
    clap::builder::RangedU64ValueParser::new().range(1..=PATIENCE_MS_MAX)
}

/// Messages on their way.
pub fn window() -> clap::builder::RangedU64ValueParser {
    clap::builder::RangedU64ValueParser::new().range(1..=COUNT_MAX as u64)
}

fn within(text: &str, range: &RangeInclusive<f64>) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    // Neither what is not a number nor what has no end is in a range.
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("{text} is not between {} and {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_make_sense_are_taken() {
        for text in ["nan", "inf", "-inf", "-1", "1e30", "1e-30", "", "x"] {
            for parse in [seconds, rate, rate_or_zero, percent] {
                let taken = parse(text);
                assert!(taken.is_err() || (text == "1e-30" && taken == Ok(1e-30)), "{text}: {taken:?}");
            }
        }
        assert_eq!((seconds("0.001"), rate("2.5")), (Ok(0.001), Ok(2.5)));
        assert!(seconds("0").is_err() && rate("0").is_err());
        assert_eq!((rate_or_zero("0"), rate_or_zero("-0"), percent("0")), (Ok(0.0), Ok(0.0), Ok(0.0)));
        assert_eq!(rate("0").unwrap_err(), "0 is not between 0.001 and 1000000000");
        assert!(rate_or_zero("-1").unwrap_err().ends_with(", or 0"));
    }
}
