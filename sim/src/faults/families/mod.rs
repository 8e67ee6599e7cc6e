//! The families of faults, each a file of its own. A run draws a subset of them, with about half of them off, and
//! from those a schedule.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fault, TimedFault};
use crate::disk::FaultyOp;
use crate::fault_atlas::Aim;
use crate::rng::Stream;

mod bad_sector;
mod client_crash;
mod clock_drift;
mod clock_freeze;
mod clock_jump;
mod clock_offset;
mod crash;
mod failed_sync;
mod full;
mod half_open;
mod latency;
mod lost_rename;
mod misdirected;
mod name_errors;
mod old_image;
mod partition;
mod pause;
mod power;
mod power_at;
mod power_between;
mod power_soon;
mod read_errors;
mod replay_rot;
mod reset;
mod rot;
mod slow;
mod slow_reads;
mod stall;
mod stop;
mod weak_disk;
mod write_errors;

pub use clock_offset::draw_clock_offsets;
pub use weak_disk::{draw_weak_disk, weak_disk};

/// What a disk holds when it is not full, in bytes.
pub const ROOM: u64 = 1 << 30;

/// A kind of faults that is on or off for a whole run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Power,
    PowerAt,
    PowerBetween,
    PowerSoon,
    Crash,
    Stop,
    Pause,
    Reset,
    HalfOpen,
    ClientCrash,
    Partition,
    Latency,
    ClockJump,
    ClockDrift,
    ClockFreeze,
    FailedSync,
    ReadErrors,
    WriteErrors,
    NameErrors,
    LostRename,
    Full,
    Slow,
    SlowReads,
    Stall,
    Rot,
    ReplayRot,
    BadSector,
    Misdirected,
    OldImage,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 29] = [
        Family::Power,
        Family::PowerAt,
        Family::PowerBetween,
        Family::PowerSoon,
        Family::Crash,
        Family::Stop,
        Family::Pause,
        Family::Reset,
        Family::HalfOpen,
        Family::ClientCrash,
        Family::Partition,
        Family::Latency,
        Family::ClockJump,
        Family::ClockDrift,
        Family::ClockFreeze,
        Family::FailedSync,
        Family::ReadErrors,
        Family::WriteErrors,
        Family::NameErrors,
        Family::LostRename,
        Family::Full,
        Family::Slow,
        Family::SlowReads,
        Family::Stall,
        Family::Rot,
        Family::ReplayRot,
        Family::BadSector,
        Family::Misdirected,
        Family::OldImage,
    ];

    /// Whether a node may refuse to start for it, for the time being.
    #[must_use]
    pub fn is_of_disk(self) -> bool {
        matches!(
            self,
            Family::FailedSync
                | Family::ReadErrors
                | Family::WriteErrors
                | Family::NameErrors
                | Family::PowerSoon
                | Family::Full
        )
    }

    /// Whether it destroys what is on a medium, so that the atlas has to account for it.
    #[must_use]
    pub fn destroys(self) -> bool {
        matches!(self, Family::Rot | Family::ReplayRot | Family::BadSector | Family::Misdirected)
    }

    fn draw(self, place: &Place<'_>, rng: &mut Stream) -> Drawn {
        match self {
            Family::Power => power::draw(place, rng),
            Family::PowerAt => power_at::draw(place, rng),
            Family::PowerBetween => power_between::draw(place, rng),
            Family::PowerSoon => power_soon::draw(place, rng),
            Family::Crash => crash::draw(place, rng),
            Family::Stop => stop::draw(place, rng),
            Family::Pause => pause::draw(place, rng),
            Family::Reset => reset::draw(place, rng),
            Family::HalfOpen => half_open::draw(place, rng),
            Family::ClientCrash => client_crash::draw(place, rng),
            Family::Partition => partition::draw(place, rng),
            Family::Latency => latency::draw(place, rng),
            Family::ClockJump => clock_jump::draw(place, rng),
            Family::ClockDrift => clock_drift::draw(place, rng),
            Family::ClockFreeze => clock_freeze::draw(place, rng),
            Family::FailedSync => failed_sync::draw(place, rng),
            Family::ReadErrors => read_errors::draw(place, rng),
            Family::WriteErrors => write_errors::draw(place, rng),
            Family::NameErrors => name_errors::draw(place, rng),
            Family::LostRename => lost_rename::draw(place, rng),
            Family::Full => full::draw(place, rng),
            Family::Slow => slow::draw(place, rng),
            Family::SlowReads => slow_reads::draw(place, rng),
            Family::Stall => stall::draw(place, rng),
            Family::Rot => rot::draw(place, rng),
            Family::ReplayRot => replay_rot::draw(place, rng),
            Family::BadSector => bad_sector::draw(place, rng),
            Family::Misdirected => misdirected::draw(place, rng),
            Family::OldImage => old_image::draw(place, rng),
        }
    }
}

/// When a fault of a family happens: at the drawn time, or when what began then ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    Now,
    Later,
    /// So many microseconds after the drawn time.
    In(u64),
}

type Drawn = Vec<(When, Fault)>;

/// Whom a fault hits: a server, and one that talks with it.
struct Place<'a> {
    node: &'a str,
    peer: &'a str,
}

impl Place<'_> {
    fn node(&self) -> String {
        self.node.to_owned()
    }

    fn peer(&self) -> String {
        self.peer.to_owned()
    }

    /// More often the server.
    fn either(&self, rng: &mut Stream) -> String {
        if rng.chance(300) { self.peer() } else { self.node() }
    }
}

fn disk_errors(place: &Place<'_>, op: FaultyOp, prefix: String, rng: &mut Stream, when: When) -> Drawn {
    let times = u32::try_from(rng.between(1, 3)).unwrap_or(1);
    vec![
        (when, Fault::Disk { node: place.node(), op, prefix, times }),
        (When::Later, Fault::ClearDisk { node: place.node() }),
    ]
}

/// Mostly at what most of a disk holds.
fn aim(rng: &mut Stream) -> Aim {
    *rng.pick(&[
        Aim::Records,
        Aim::Records,
        Aim::Records,
        Aim::Records,
        Aim::Index,
        Aim::Index,
        Aim::Journal,
        Aim::Vouch,
        Aim::Checkpoint,
        Aim::Snapshot,
    ])
}

/// About half of all families.
pub fn draw_families(rng: &mut Stream) -> Vec<Family> {
    Family::ALL.into_iter().filter(|_| rng.chance(500)).collect()
}

/// Draws a schedule in which nothing lasts beyond `chaos`.
///
/// # Panics
/// If there is no server or no client.
pub fn draw_schedule(
    families: &[Family],
    chaos: Duration,
    servers: &[String],
    clients: &[String],
    rng: &mut Stream,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if families.is_empty() {
        return schedule;
    }
    let mut add = |at: Duration, fault: Fault| {
        schedule.push(TimedFault { at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX), fault });
    };
    // From one fault in five seconds to ten in a second.
    let between = rng.duration(Duration::from_millis(100), Duration::from_secs(5));
    let mut time = rng.duration(Duration::ZERO, between);
    while time < chaos {
        let family = *rng.pick(families);
        let place = Place { node: rng.pick::<String>(servers), peer: rng.pick::<String>(clients) };
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_millis(4000));
        let end = (time + lasts).min(chaos);
        for (when, fault) in family.draw(&place, rng) {
            let at = match when {
                When::Now => time,
                When::Later => end,
                When::In(by_us) => (time + Duration::from_micros(by_us)).min(end),
            };
            add(at, fault);
        }
        time += rng.duration(Duration::from_micros(10), between * 2);
    }
    schedule.sort_by_key(|fault| fault.at_us);
    schedule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lasts_beyond_the_chaos_and_every_family_occurs() {
        let mut rng = Stream::new(1, "test", "faults", 0);
        let (servers, clients) = (vec!["broker".to_owned()], vec!["a".to_owned(), "b".to_owned()]);
        let chaos = Duration::from_secs(20);
        let mut drawn = String::new();
        for _ in 0..100 {
            let schedule = draw_schedule(&Family::ALL, chaos, &servers, &clients, &mut rng);
            assert!(schedule.iter().all(|fault| u128::from(fault.at_us) <= chaos.as_micros()));
            assert!(schedule.is_sorted_by_key(|fault| fault.at_us));
            drawn.push_str(&format!("{schedule:?}"));
        }
        for word in [
            "PowerFail {",
            "PowerFailAt {",
            "PowerFailAtPoll",
            "Crash",
            "Stop",
            "Pause",
            "Reset",
            "Cut",
            "Latency",
            "Jump",
            "Drift",
            "Freeze",
            "Sync",
            "Read",
            "Write",
            "Names",
            "LoseNames",
            "Capacity",
            "Slow",
            "Stall",
            "Rot",
            "BadSector",
            "Misdirect",
            "TakeImage",
            "RestoreImage",
            "DieBetween",
            "PowerFailSoon",
            "Hold",
            "Replayed",
            "PowerFail { node: \"a\" }",
        ] {
            assert!(drawn.contains(word), "{word}");
        }
    }

    #[test]
    fn about_a_quarter_of_the_clocks_is_wrong_from_the_start() {
        let mut rng = Stream::new(1, "test", "offsets", 0);
        let machines = ["broker".to_owned(), "a".to_owned()];
        let drawn: Vec<_> = (0..400).flat_map(|_| draw_clock_offsets(&machines, &mut rng)).collect();
        assert!(drawn.iter().all(|timed| timed.at_us == 0));
        assert!(drawn.len().abs_diff(200) < 60, "{}", drawn.len());
        for node in &machines {
            let is_meant =
                |timed: &&TimedFault| matches!(&timed.fault, Fault::Offset { node: n, .. } if n == node);
            assert!(drawn.iter().filter(is_meant).count() > 50, "{node}");
        }
    }

    #[test]
    fn about_half_of_the_families_are_on() {
        let mut rng = Stream::new(1, "test", "families", 0);
        let on: usize = (0..200).map(|_| draw_families(&mut rng).len()).sum();
        let half = 200 * Family::ALL.len() / 2;
        assert!(on.abs_diff(half) < half / 5, "{on} of {half}");
    }
}
