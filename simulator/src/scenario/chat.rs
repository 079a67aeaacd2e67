//! Rooms in which people come, talk, fall silent and leave.
//!
//! A person enters a room, listens, and after a while says something. Who has talked is likely to talk again soon; after
//! some time the talk dries up, and later the person leaves and somebody else enters a room. All times are chance with a
//! mean, so that rooms are now busy, now quiet, as they really are.
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use clap::Args;

use super::{Found, Run, WINDOW, manner};
use crate::clock::{self, SECOND};
use crate::crowd::Order;
use crate::dice::Dice;
use crate::numbers;
use crate::target::Kind;
use crate::world::{Place, World};

/// How much faster somebody talks who is in the midst of it.
const LIVELY: f64 = 4.0;
/// How likely a sentence is followed by another one soon, in percent.
const GOES_ON_PERCENT: u32 = 75;

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// People who are there at a time
    #[arg(long, short = 'n', default_value_t = 500, value_parser = numbers::count())]
    pub people: u32,
    /// Rooms that they are in
    #[arg(long, default_value_t = 50, value_parser = numbers::count())]
    pub rooms: u32,
    /// How they listen [default: sse, or what the dialect has]
    #[arg(long, short = 'k', value_enum)]
    pub kind: Option<Kind>,
    /// Seconds between two things that somebody says, on average
    #[arg(long, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub pause: f64,
    /// Seconds that somebody stays, on average
    #[arg(long, default_value_t = 30.0, value_parser = numbers::seconds)]
    pub stay: f64,
    /// How long
    #[arg(long, short, default_value_t = 10.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// What chance begins with
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What somebody is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Talk,
    Leave,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let Options { people, rooms, pause, stay, seconds, seed, .. } = *options;
    let kind = options.kind.unwrap_or_else(|| place.language.usual_kind());
    let mut world = World::new(place, people as usize, manner(rooms, size))?;
    let mut dice = Dice::new(seed);
    let mut rooms_of: Vec<u32> = Vec::with_capacity(people as usize);
    let mut agenda = BinaryHeap::new();
    let later = |dice: &mut Dice, now: u64, mean: f64| now + (dice.wait(mean) * SECOND as f64) as u64;

    for id in 0..people {
        let room = dice.below(rooms);
        rooms_of.push(room);
        world.order(Order::Seat { id, kind, channel: room, last: 0, late: false })?;
    }
    world.order(Order::Open { first: 0, window: WINDOW })?;
    let here = world.turn_until(|world| world.standing().asked == u64::from(people))?;
    let mut run = Run::begin(world)?;
    if !here {
        run.fail("not everybody came in");
    }
    let start = run.started();
    for id in 0..people {
        agenda.push(Reverse((later(&mut dice, start, pause), id, Plan::Talk)));
        agenda.push(Reverse((later(&mut dice, start, stay), id, Plan::Leave)));
    }
    let end = start + (seconds * SECOND as f64) as u64;
    run.world.progress.playing(start, end);
    let (mut said, mut left) = (0u64, 0u64);
    let mut gone: Vec<bool> = vec![false; people as usize];
    while let Some(&Reverse((due, id, plan))) = agenda.peek() {
        while clock::now() < due.min(end) && !run.world.is_over() {
            run.world.turn(due.min(end))?;
        }
        if due >= end || run.world.is_over() {
            break;
        }
        agenda.pop();
        if gone[id as usize] {
            continue;
        }
        match plan {
            Plan::Talk => {
                run.world.press.post(rooms_of[id as usize], due);
                said += 1;
                let lively = dice.below(100) < GOES_ON_PERCENT;
                let pause = if lively { pause / LIVELY } else { pause * LIVELY };
                agenda.push(Reverse((later(&mut dice, due, pause), id, Plan::Talk)));
            }
            Plan::Leave => {
                gone[id as usize] = true;
                left += 1;
                run.world.order(Order::Retire { index: id })?;
                let newcomer = rooms_of.len() as u32;
                let room = dice.below(rooms);
                rooms_of.push(room);
                gone.push(false);
                let last = run.world.press.answered_head(room);
                run.world.order(Order::Seat { id: newcomer, kind, channel: room, last, late: true })?;
                run.world.order(Order::Reopen { index: newcomer })?;
                agenda.push(Reverse((later(&mut dice, due, pause), newcomer, Plan::Talk)));
                agenda.push(Reverse((later(&mut dice, due, stay), newcomer, Plan::Leave)));
            }
        }
    }
    let mut figures = BTreeMap::new();
    let over = run.end_when_quiet(&mut figures)?;
    figures.insert("things_said".to_owned(), said as f64);
    figures.insert("people_who_left".to_owned(), left as f64);
    let settings = vec![
        ("people".to_owned(), people.to_string()),
        ("rooms".to_owned(), rooms.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("pause".to_owned(), format!("{pause} s")),
        ("stay".to_owned(), format!("{stay} s")),
    ];
    Ok(over.found(settings, figures))
}
