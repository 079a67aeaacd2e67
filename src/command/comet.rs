//! `Comet`: the command line of CometServer, for what calls it: scripts, and the PHP class whose option `cometSrv` names it.
//! Wire: `protocols/php-cometserver.md`, section 1; `docs/control.md`, "In the place of CometServer".
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;

use clap::Parser;
use serde_json::Value;

use super::keys::{bytes_of, every_key, get, put, value_of};
use super::lifecycle;
use super::number;
use crate::app::{print, print_bytes};
use crate::cli::{Cli, Command, Target};
use crate::client::Client;
use crate::exit::Failure;

/// Whether values are taken and given as they are, or are in the form encoding that the PHP class gives them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Values {
    AsTheyAre,
    Decoded,
}

const HELP: &str = "\
rcomet in the place of CometServer
  Arguments list:
         start               # start server
         stop                # stop server
         status              # describe server status
         write key \"value\"   # write value into key
         read key            # read key
         dump                # dump all existing keys
";

/// What follows the program's name, if we are called in the place of CometServer: by the name `Comet`, or with `--comet` first.
fn said(arguments: &[OsString]) -> Option<(Values, Vec<OsString>)> {
    let name = std::path::Path::new(arguments.first()?).file_name()?;
    let mut rest: Vec<OsString> = arguments.iter().skip(1).cloned().collect();
    let values = match rest.first().and_then(|word| word.to_str()) {
        Some("--comet") => Values::AsTheyAre,
        Some("--comet=decoded") => Values::Decoded,
        _ if name == "Comet" => return Some((Values::AsTheyAre, rest)),
        _ => return None,
    };
    rest.remove(0);
    Some((values, rest))
}

/// Does what CometServer's command line does, if it is meant.
pub(crate) fn comet(arguments: &[OsString]) -> Option<Result<(), Failure>> {
    let (values, words) = said(arguments)?;
    Some(obey(values, &words).inspect_err(|failure| {
        // Its callers read standard output, also for this.
        if matches!(failure, Failure::NotRunning(_)) {
            let _ = print("Server is not running\n");
        }
    }))
}

fn obey(values: Values, words: &[OsString]) -> Result<(), Failure> {
    let word = |at: usize| words.get(at).map_or(&[][..], |word| word.as_bytes());
    if words.len() > 3 {
        return Err(Failure::Usage("too many arguments: type help to list available commands".into()));
    }
    let find = || Client::find(&Target::default());
    match word(0) {
        b"help" => print(HELP),
        b"start" => start(),
        b"stop" => {
            print("Stopping server\n")?;
            let Ok(Cli { command: Command::Stop(flags) }) = Cli::try_parse_from(["rcomet", "stop"]) else {
                return Err(Failure::Other("cannot stop".into()));
            };
            lifecycle::stopped(&flags).map(drop)
        }
        b"status" => {
            let status = lifecycle::ask_status(&find()?, lifecycle::STATUS)?;
            print(&format!("Server is running pid({})\n", number(&status, "pid")))
        }
        b"write" => {
            let value = given_as(values, word(2));
            put(&find()?, word(1), &value, "").map(drop)
        }
        b"read" => {
            let answer = match get(&find()?, word(1), None) {
                // An unknown key and an empty value are the same to its callers, and no failure.
                Err(Failure::Unknown(_)) => Value::Null,
                other => other?,
            };
            print_bytes(&[b"value: ", &taken_as(values, &value_of(&answer))[..], b"\n"].concat())
        }
        b"dump" => {
            let mut index = 0;
            every_key(&find()?, OsStr::new(""), |key| {
                let (head, name) = (format!("* index [{index}] - "), bytes_of(key, "key", "key_base64"));
                let value = taken_as(values, &value_of(key));
                index += 1;
                print_bytes(&[head.as_bytes(), &name, b": [", &value, b"]\n"].concat())
            })
        }
        b"" => Err(Failure::Usage("no arguments: type help to list available commands".into())),
        _ => Err(Failure::Usage("invalid command: type help to list available commands".into())),
    }
}

/// The same as `rcomet start --no-tcp`: it has no options, and what it begins has a socket file and no port.
fn start() -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::Other(error.to_string()))?;
    let status = std::process::Command::new(program)
        // It may be a copy that is called Comet, too.
        .arg0("rcomet")
        .args(["start", "--no-tcp"])
        .status()
        .map_err(|error| Failure::Other(format!("cannot start a process: {error}")))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Ok(()),
        // It has said why.
        code => Err(Failure::of_code(code.unwrap_or(1), String::new())),
    }
}

fn given_as(values: Values, word: &[u8]) -> Vec<u8> {
    match values {
        Values::AsTheyAre => word.to_vec(),
        Values::Decoded => form_decoded(word),
    }
}

fn taken_as(values: Values, value: &[u8]) -> Vec<u8> {
    match values {
        Values::AsTheyAre => value.to_vec(),
        Values::Decoded => form_encoded(value).into_bytes(),
    }
}

fn form_decoded(word: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = word.iter().map(|&c| if c == b'+' { b' ' } else { c }).collect();
    rcomet_core::wire::http1::head::percent_decoded(&spaced).into_owned()
}

fn form_encoded(value: &[u8]) -> String {
    crate::client::escaped(value).replace("%20", "+").replace('~', "%7E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_name_or_by_a_word() {
        let said = |words: &[&str]| said(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(
            said(&["/usr/bin/Comet", "read", "a"]),
            Some((Values::AsTheyAre, vec!["read".into(), "a".into()]))
        );
        assert_eq!(said(&["rcomet", "--comet", "dump"]), Some((Values::AsTheyAre, vec!["dump".into()])));
        assert_eq!(said(&["rcomet", "--comet=decoded"]), Some((Values::Decoded, vec![])));
        assert_eq!(said(&["rcomet", "read", "a"]), None);
    }

    #[test]
    fn what_the_class_encodes_comes_back_as_it_was() {
        let value = "hello <world> \"q\" 100% + ~é".as_bytes();
        let encoded = form_encoded(value);
        assert_eq!(encoded, "hello+%3Cworld%3E+%22q%22+100%25+%2B+%7E%C3%A9");
        assert_eq!(form_decoded(encoded.as_bytes()), value);
    }
}
