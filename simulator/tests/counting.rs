//! A server that drops, doubles or reorders one message on purpose is caught in every scenario that delivers; one that
//! does not is not.
mod support;

use support::Server;

/// Small runs, with everything that delivers, and each of the ways to listen that the double knows. A fault is done to the first
/// subscriber: by this seed churn leaves that one alone, so that it hears what is wrong before it has been away.
const SCENARIOS: [&str; 28] = [
    "fanout -n 40 -k sse --rate 40 --seconds 0.5",
    "fanout -n 40 -k poll --rate 40 --seconds 0.5",
    "fanout -n 40 -k jsonp --rate 0 --seconds 1",
    "fanout -n 40 -k sse --rate 0 --seconds 1 --processes 2",
    "channels -c 10 -s 3 -k sse --rate 300 --seconds 0.5",
    "channels -c 10 -s 3 -k poll --rate 300 --seconds 0.5",
    "churn -n 30 -k sse --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "churn -n 30 -k jsonp --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "storm -n 30 -k poll --rate 40 --seconds 0.6",
    "storm -n 30 -k sse --rate 40 --seconds 0.6",
    "slow -n 30 -k sse --rate 40 --seconds 0.5",
    "chat -n 40 --rooms 4 -k sse --pause 0.3 --stay 2 --seconds 1",
    "chat -n 40 --rooms 4 -k poll --pause 0.3 --stay 2 --seconds 1",
    "fanout -n 40 --dialect websocket --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k poll --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k sse --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k websocket --rate 40 --seconds 0.5",
    "storm -n 30 --dialect push -k websocket --rate 40 --seconds 0.6",
    "churn -n 30 --dialect push -k websocket --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "slow -n 30 --dialect push -k websocket --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect simple-comet --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect bayeux --rate 0 --seconds 1 --processes 2",
    "channels -c 10 -s 3 --dialect websocket --rate 300 --seconds 0.5",
    "channels -c 10 -s 3 --dialect bayeux --rate 300 --seconds 0.5",
    "slow -n 30 --dialect websocket --rate 40 --seconds 0.5",
    "storm -n 30 --dialect websocket --rate 40 --seconds 0.6",
    "storm -n 30 --dialect bayeux --rate 40 --seconds 0.6",
    "churn -n 30 --dialect simple-comet --churn 50 --rate 30 --seconds 0.6 --seed 3",
];

fn patient(scenario: &str) -> String {
    format!("{scenario} --patience-ms 800")
}

#[test]
fn who_does_everything_right_is_not_accused() {
    let server = Server::floor(None);
    for scenario in SCENARIOS {
        let run = server.play(&patient(scenario));
        run.assert_perfect();
        assert!(run.count("published") > 4, "{scenario} hardly did anything: {}", run.outcome);
        assert!(run.count("delivered") > run.count("published"), "{scenario} hardly delivered anything");
        assert!(run.outcome["latency"]["count"].as_u64() > Some(10), "{scenario} hardly measured anything");
    }
}

#[test]
fn a_message_that_is_dropped_is_lost() {
    for scenario in SCENARIOS {
        let run = Server::floor(Some("drop=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (1, 0, 0), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

#[test]
fn a_message_that_comes_twice_is_doubled() {
    for scenario in SCENARIOS {
        let run = Server::floor(Some("double=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (0, 1, 0), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

#[test]
fn a_message_that_comes_after_the_next_is_reordered() {
    for scenario in SCENARIOS {
        let run = Server::floor(Some("reorder=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (0, 0, 1), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

#[test]
fn those_who_only_wait_get_their_message() {
    for scenario in [
        "idle -n 30 -k poll --seconds 0.1",
        "idle -n 30 --dialect push -k poll --seconds 0.1",
        "idle -n 30 --dialect push -k websocket --seconds 0.1",
        "connect -n 30 --dialect push -k websocket",
        "idle -n 30 --dialect simple-comet --seconds 0.1",
        "idle -n 30 --dialect bayeux --seconds 0.1",
        "idle -n 30 --dialect websocket --seconds 0.1",
        "connect -n 30 -k sse",
        "connect -n 30 --dialect bayeux",
        "connect -n 30 --dialect websocket",
    ] {
        let (scenario, first) = (patient(scenario), if scenario.starts_with("idle") { 1 } else { 2 });
        Server::floor(None).play(&scenario).assert_perfect();
        let run = Server::floor(Some(&format!("drop={first}"))).play(&scenario);
        assert_eq!((run.faults(), run.code), ((1, 0, 0), Some(1)), "{scenario}: {}", run.outcome);
    }
}

#[test]
fn it_is_said_loudly() {
    let scenario = "fanout -n 20 -k sse --rate 40 --seconds 0.4 --patience-ms 500";
    let (code, table) = Server::floor(Some("drop=5")).table(scenario);
    assert_eq!(code, Some(1));
    assert!(table.contains("!!! NOT EVERYBODY GOT EVERYTHING ONCE AND IN ORDER: 1 lost"), "{table}");
    let (code, table) = Server::floor(None).table(scenario);
    assert_eq!(code, Some(0));
    assert!(!table.contains("!!!") && table.contains("p99.9"), "{table}");
}
