//! Every byte of whole conversations. The transcripts stand in `golden/`; how they are written stands in
//! `support/transcript.rs`. `UPDATE_GOLDEN=1` writes what happened into them: read each change before you believe it.
mod support;
#[path = "support/transcript.rs"]
mod transcript;

use std::path::PathBuf;

use transcript::play;

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden"].iter().collect()
}

fn check(name: &str) {
    let path = directory().join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let played = play(&text);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(&path, played.text).unwrap();
    }
    assert!(played.differences.is_empty(), "{}\n{}", path.display(), played.differences.join("\n\n"));
    assert_eq!(played.text, text);
    assert!(text.contains("< "), "{name} expects nothing");
}

macro_rules! transcripts {
    ($($name:ident)+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(#[test] fn $name() { check(stringify!($name)); })+
    };
}

transcripts! {
    seq_of_polls seq_of_streams seq_of_sse seq_of_iframes noop broadcast close_and_clear admission tokens
    admin admin_refusals psub pipelining http_10 head_and_options cors_list bodies connections errors smuggling drain
    ccomet ccomet_texts ccomet_refusals ccomet_old ccomet_on_front event_ids epoch no_batch no_gap_records roster
    front_publish unavailable poll_head_with_message
    simple_comet simple_comet_polls simple_comet_refusals simple_comet_quoted
    bayeux_ack bayeux_callback_polling bayeux_connect bayeux_cookies bayeux_delivery bayeux_disconnect bayeux_expiry
    bayeux_forms bayeux_handshake bayeux_http bayeux_origins bayeux_plugin bayeux_publish bayeux_subscribe
    bayeux_two_connects bayeux_unsubscribe bayeux_extensions bayeux_other_transports bayeux_websocket
    bayeux_multiple_clients bayeux_services bayeux_messages bayeux_rules bayeux_tokens bayeux_defaults bayeux_decisions
    bayeux_recorded bayeux_root bayeux_foreign
    push_publisher push_long_poll push_streams push_websocket
}

#[test]
fn every_transcript_is_played() {
    let mut there: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    there.sort();
    let mut played: Vec<&str> = NAMES.to_vec();
    played.sort_unstable();
    assert_eq!(there, played);
}

/// A section is played where something is sent under a comment that names it, and no other. What that shows of the section is
/// for the reader to judge.
#[test]
fn every_section_of_bayeux_is_played() {
    let mut missing: Vec<u32> = (1..=20).collect();
    for name in NAMES.iter().filter(|name| name.starts_with("bayeux_")) {
        let text = std::fs::read_to_string(directory().join(format!("{name}.txt"))).unwrap();
        let mut under = Vec::new();
        for row in text.lines() {
            if row.starts_with("# ") {
                under = sections(row).unwrap_or(under);
                assert!(under.iter().all(|number| (1..=20).contains(number)), "{name}: {row}");
            } else if row.get(1..2).is_some_and(|sign| matches!(sign, ">" | ":"))
                && let [section] = under[..]
            {
                missing.retain(|one| *one != section);
            }
        }
        assert!(sections(text.lines().next().unwrap()).is_some(), "{name} names no section");
    }
    assert!(missing.is_empty(), "no transcript plays the sections {missing:?}");
}

/// What a comment names: "section 5.", "sections 3, 6 and 7."; `None` if it names none.
fn sections(comment: &str) -> Option<Vec<u32>> {
    let (_, named) = comment.split_once("section")?;
    let named = named.trim_start_matches('s').split_once('.').map_or("", |(numbers, _)| numbers);
    let numbers: Vec<u32> = named.split([',', ' ']).filter_map(|word| word.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// The stage itself must notice whatever is not as written.
#[test]
fn what_is_not_as_written_is_noticed() {
    let text = "A@admin\nA: GET /check?cname=a\nA>> GET / HTTP/1.1\\r\\n\\r\\n\n+2s\n";
    let right = play(text).text;
    assert!(right.contains("A< {}\\n\n") && right.contains("\nA!\n") && right.contains("\nA!!\n"), "{right}");
    assert_eq!(play(&right).differences, Vec::<String>::new());
    let rows: Vec<&str> = right.lines().collect();
    for i in (0..rows.len()).filter(|&i| rows[i].starts_with("A<") || rows[i].starts_with("A!")) {
        for other in [vec![], vec![rows[i], rows[i]], vec!["A< other"]] {
            let wrong = [&rows[..i], &other, &rows[i + 1..]].concat().join("\n");
            assert_eq!(play(&wrong).differences.len(), 1, "{wrong}");
        }
    }
}
