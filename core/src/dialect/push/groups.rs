//! What is asked of a group of channels: its census, other limits, its end (`protocols/nchan-features.md`).
use crate::config::{GroupMethod, Location, Named};
use crate::dialect::{GroupTask, Refusal, Request, Verb};
use crate::wire::http1::Method;
use crate::wire::params::Params;

/// What is to be done with a group of channels.
pub(super) fn group<'b>(
    request: &Request<'_, 'b>,
    location: &Location,
    named: Named,
) -> Result<Verb<'b>, Refusal> {
    let head = request.head;
    let wanted = match head.method {
        Method::Get | Method::Head => GroupMethod::Get,
        Method::Post => GroupMethod::Set,
        Method::Delete => GroupMethod::Delete,
        _ => return Err(Refusal::Method(location.methods())),
    };
    if !location.group_methods.contains(&wanted) {
        return Err(Refusal::Method(location.methods()));
    }
    let task = match wanted {
        GroupMethod::Get => GroupTask::Look,
        GroupMethod::Delete => GroupTask::Empty,
        GroupMethod::Set => {
            let params = Params::of(head.query, head.field("content-type"), request.body)
                .map_err(|_| Refusal::Body("the limits are a form, or arguments"))?;
            let mut limits = [None; 4];
            let names: [&[&str]; 4] = [
                &["max_channels"],
                &["max_subscribers", "max_subs"],
                &["max_messages"],
                &["max_messages_memory", "max_messages_mem"],
            ];
            for (limit, names) in limits.iter_mut().zip(names) {
                if let Some(text) = names.iter().find_map(|name| params.get(name)) {
                    *limit = Some(size(&text).ok_or(Refusal::Parameter(
                        "a limit is a number, or one with k, m or g behind it: 1m is 1048576",
                    ))?);
                }
            }
            GroupTask::Set { limits, usual: location.group_limits() }
        }
    };
    // A group ends where the first slash is.
    let name = named.channels.into_iter().next().filter(|name| !name.contains('/')).ok_or(Refusal::Name)?;
    Ok(Verb::Group { name, task })
}

/// A number as nginx reads sizes: `512k` is 524288.
fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (&text[..text.len() - 1], 1 << 10),
        b'm' => (&text[..text.len() - 1], 1 << 20),
        b'g' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| digits.parse::<u64>().ok()?.checked_mul(unit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_and_sizes() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("431", Some(431)),
            ("1M", Some(1_048_576)),
            ("512k", Some(524_288)),
            ("2g", Some(2_147_483_648)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615k", None),
            ("", None),
            ("m", None),
            ("+1", None),
            ("-1", None),
            ("1.5m", None),
            ("1mm", None),
            ("1\u{e4}", None),
        ] {
            assert_eq!(size(text), wanted, "{text}");
        }
    }
}
