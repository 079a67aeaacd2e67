//! Where memory is short: what sessions take after a restart, and what makes room for it.
use rcomet_core::time::Date;

use super::*;
use crate::support::START;

/// Where memory is short, what indexes of patterns get again leaves room for those who read them, and for everybody else.
#[test]
fn after_a_crash_sessions_come_before_what_their_patterns_get() {
    for most in [450_000, 550_000, 700_000] {
        let mut server = server_with(|config| config.limits.memory_bytes_max = most);
        let mut by_name = Fellow::with_ack(&mut server);
        for n in 0..60 {
            by_name.subscribe(&mut server, &format!("/m/{n}"));
        }
        for round in 0..10 {
            for n in 0..60 {
                publish(&mut server, &format!("/m/{n}"), round);
            }
        }
        let mut others: Vec<Fellow> = (0..20).map(|_| Fellow::with_ack(&mut server)).collect();
        for (n, other) in others.iter_mut().enumerate() {
            other.subscribe(&mut server, ["/m/*", "/**", "/m/**"][n % 3]);
        }
        assert_eq!(server.machine.counters().memory_refused, 0, "{most}");
        let used = server.machine.memory().total_bytes();
        let replayed = crash(&mut server, 7);
        assert_eq!((replayed.sessions, replayed.left), (21, 0), "{most}, {used} in use");
        let now = server.machine.memory();
        assert!(now.total_bytes() <= most, "{most}: {now:?}, {used} before");
        assert_eq!(numbers(&back(&mut server, &mut by_name)).len(), 600, "{most}");
    }
}

/// Sessions take more after a crash until their clients are back. What their patterns have got again makes room for that, before a
/// channel loses anything.
#[test]
fn after_a_crash_indexes_give_back_what_sessions_need() {
    for most in [190_000, 210_000, 230_000] {
        let mut server = server_with(|config| {
            config.limits.memory_bytes_max = most;
            config.limits.explain_records_max = 0;
        });
        let mut fellows: Vec<Fellow> = (0..20).map(|_| Fellow::with_ack(&mut server)).collect();
        for fellow in &mut fellows {
            for n in 0..20 {
                fellow.subscribe(&mut server, &format!("/m/{n}/*"));
            }
            server.vanish(fellow.connection);
        }
        let names: Vec<String> = (0..60).map(|n| format!("/m/{}/{n}", n % 20)).collect();
        for round in 0..10 {
            names.iter().for_each(|name| publish(&mut server, name, round));
        }
        let standings = |server: &Server| -> Vec<(u64, u64)> {
            let all = names.iter().filter_map(|name| server.machine.standing(name));
            all.map(|it| (it.base, it.head)).collect()
        };
        let before = standings(&server);
        assert!(before.len() == 60 && before.iter().any(|(base, _)| *base > 1), "memory was full: {most}");
        let replayed = crash(&mut server, 7);
        assert_eq!((replayed.sessions, replayed.given_up), (20, 0), "{most}");
        assert_eq!(standings(&server), before, "{most}");
        for fellow in &mut fellows {
            // It is let in.
            let heard = back(&mut server, fellow);
            server.vanish(fellow.connection);
            assert!(gap(&heard).is_some(), "{most}: {heard}");
        }
    }
}

/// Sessions that alone leave no room for anybody make some: as many are ended as it takes for the others to go on and for new ones to come,
/// those first that were handed something longest ago.
#[test]
fn sessions_that_fill_memory_make_room_for_those_who_are_served() {
    let cases = [
        (Ending::Whole, 100, true),
        (Ending::Clean(0), 90, true),
        (Ending::Whole, 60, true),
        (Ending::Whole, 60, false),
        (Ending::Clean(0), 60, true),
        (Ending::Clean(0), 60, false),
    ];
    // They read the same channels, or each its own, which nobody needs without it.
    for ((ending, percent, ack), is_own) in cases.into_iter().flat_map(|case| [(case, false), (case, true)]) {
        let most = 400_000;
        let what = format!("{ending:?}, {percent} %, ack {ack}, own {is_own}");
        let mut server = server_with(|config| {
            config.limits.memory_bytes_max = most;
            config.limits.explain_records_max = 0;
        });
        let mut fellows = Vec::new();
        while server.machine.memory().total_bytes() < most - most / 12 {
            let fields = if ack { json!({"ext": {"ack": true}}) } else { json!({}) };
            let (mut fellow, _) = Fellow::begin(&mut server, Role::Front, "127.0.0.1", fields);
            fellow.acked = ack.then_some(0);
            for n in 0..20 {
                let whose = if is_own { fellows.len() } else { 0 };
                fellow.subscribe(&mut server, &format!("/m/{whose}/{n}"));
            }
            if is_own {
                let used = format!("/m/{}/0", fellows.len());
                publish(&mut server, &used, 0);
                server.ask(Role::Admin, &format!("/clear?cname={used}"));
            }
            let own = ["/quiet", "/loud"][fellows.len() % 2];
            fellow.subscribe(&mut server, own);
            server.vanish(fellow.connection);
            fellows.push(fellow);
        }
        publish(&mut server, "/loud", 1);
        for fellow in fellows.iter_mut().skip(1).step_by(2) {
            assert_eq!(numbers(&back(&mut server, fellow)), [1], "{what}");
            server.vanish(fellow.connection);
        }
        assert_eq!(server.machine.counters().memory_refused, 0, "{what}");
        let before = server.machine.memory();
        let mut config = server.machine.config().clone();
        config.limits.memory_bytes_max = most * percent / 100;
        let most = config.limits.memory_bytes_max;
        let date = Date::from_unix(START + server.now.0 / 1_000);
        let replayed = server.restart_with(config, ending, 7, date).expect("there is room");
        let now = server.machine.memory();
        let what = format!("{what}: {replayed:?}, {before:?}, {now:?}");
        assert!(replayed.left > 0 && replayed.sessions + replayed.left == fellows.len(), "{what}");
        assert_eq!(server.machine.counters().bayeux_sessions_restored, replayed.sessions as u64, "{what}");
        let (used, each) = (now.total_bytes(), before.total_bytes() / fellows.len());
        let free = if percent < 100 { most / 16 } else { most / 32 };
        assert!(used <= most && used + 4 * each > most - free, "as many as must be: {what}");
        for i in (0..fellows.len()).filter(|_| is_own) {
            // Others may have a place in it, and will have one in what follows.
            let stands = server.machine.standing(&format!("/m/{i}/0")).map(|it| (it.base, it.head));
            assert_eq!(stands, Some((2, 2)), "{i}, {what}");
        }
        let client = server.connect(Role::Front);
        let answer = server.get(client, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{what}: {answer}");
        server.vanish(client);
        let mut newcomer = Fellow::new(&mut server);
        assert_eq!(newcomer.subscribe(&mut server, "/m/0/1")[0]["successful"], true, "{what}");
        let (mut ended, mut loud) = (0, 0);
        for (n, fellow) in fellows.iter_mut().enumerate() {
            let heard = back(&mut server, fellow);
            server.vanish(fellow.connection);
            let replies = heard.as_array().expect("replies");
            if replies.iter().any(|reply| reply["error"] == "402::Unknown client") {
                ended += 1;
                loud += n % 2;
            }
        }
        assert_eq!(ended, replayed.left, "{what}");
        if ending == Ending::Clean(0) {
            // Of the others it is not written down how far they had come.
            assert!(loud == 0 || ended - loud == fellows.len().div_ceil(2), "{loud} of {ended}, {what}");
        }
        server.machine.check();
    }
}
