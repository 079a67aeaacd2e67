//! What one channel keeps: the last so many, by number, bytes and age.
use super::*;

fn message(n: u64) -> Message {
    Message {
        offset: n * 10,
        at: Moment(n * 1000),
        unix_s: n as u32 / 4,
        tag: n as u32 % 4,
        kind: Kind::Data,
        body: format!("m{n}").into(),
        sender: None,
        beside: None,
        media: None,
    }
}

fn filled(n: u64, keep: &Keep, listens: bool) -> History {
    let mut history = History::default();
    for i in 1..=n {
        assert_eq!(history.append(message(i), keep, listens).0, i);
        history.check();
    }
    history
}

const MANY: Keep = Keep { messages: 10, bytes: 1 << 20, age_ms: 0, newest: false };

#[test]
fn the_last_n_are_kept() {
    let history = filled(25, &MANY, false);
    assert_eq!((history.base(), history.head()), (16, 26));
    assert!(history.get(15).is_none() && history.get(26).is_none());
    assert_eq!(&*history.get(16).unwrap().body, "m16");
}

#[test]
fn more_is_kept_while_somebody_listens() {
    let mut history = filled(25, &MANY, true);
    assert_eq!(history.base(), 1);
    assert_eq!(history.trim(&MANY, false, Moment(0)), 15);
}

#[test]
fn bytes_and_age_count_too() {
    let weight = message(1).weight();
    let history = filled(9, &Keep { bytes: 3 * weight, ..MANY }, false);
    assert_eq!(history.base(), 7);
    let history = filled(9, &Keep { bytes: 1, ..MANY }, true);
    assert_eq!(history.base(), 9, "the newest stays for those who listen");
    let value = Keep { bytes: 1, newest: true, ..MANY };
    assert_eq!(filled(9, &value, false).base(), 9, "the newest is a value");
    assert_eq!(filled(9, &Keep { messages: 0, ..value }, false).base(), 10, "unless nothing is to be kept");
    let mut history = filled(9, &MANY, false);
    let aged = Keep { age_ms: 4_000, ..MANY };
    assert_eq!(history.next_expiry(&aged), Some(Moment(5_000)));
    assert_eq!(history.trim(&aged, true, Moment(9_000)), 5);
    assert_eq!(history.base(), 6);
}

#[test]
fn positions_find_their_message() {
    let history = filled(25, &MANY, false);
    for (offset, want) in [(0, 16), (159, 16), (160, 17), (249, 25), (250, 26), (9999, 26)] {
        assert_eq!(history.first_after(offset), want, "after {offset}");
    }
}

#[test]
fn seconds_and_tags_find_their_message() {
    let history = filled(25, &MANY, false);
    for (unix_s, tag, want) in [
        (0, Some(9), 16),
        (4, Some(0), 17),
        (4, Some(2), 19),
        (4, Some(9), 20),
        (4, None, 17),
        (3, None, 16),
        (6, Some(1), 26),
        (9, None, 26),
    ] {
        assert_eq!(history.first_behind(unix_s, tag), want, "behind {unix_s}:{tag:?}");
    }
}

#[test]
fn batches_end_where_they_must() {
    let history = filled(9, &MANY, false);
    let weight = message(1).weight();
    assert_eq!(history.batch_end(1, 3 * weight), 4);
    assert_eq!(history.batch_end(1, 0), 2, "at least one");
    assert_eq!(history.batch_end(9, 0), 10);
    assert_eq!(history.batch_end(1, usize::MAX), 10);
    assert_eq!(history.range(3, 6).map(|(n, _)| n).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(history.range(10, 10).count(), 0);
    assert_eq!(history.range(12, 15).count(), 0);
}

#[test]
fn clearing_keeps_the_numbers() {
    let mut history = filled(9, &MANY, false);
    assert_eq!(history.clear(), 9);
    assert_eq!((history.base(), history.head(), history.bytes()), (10, 10, 0));
    assert_eq!(history.append(message(10), &MANY, false).0, 10);
}
