//! Faults as data: what goes wrong, where, and when. Nodes are meant by their names; a fault of a node that is
//! not there has no effect, so that clients can be taken away from a case.
use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::disk::FaultyOp;
use crate::fault_atlas::Aim;

mod families;
mod strike;

pub use families::{
    Family, ROOM, draw_clock_offsets, draw_families, draw_schedule, draw_weak_disk, weak_disk,
};
pub use strike::strike;

/// One change for the worse or the better.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The machine loses its power.
    PowerFail {
        node: String,
    },
    /// The machine loses its power at the operation after `skip` further ones of that kind on such paths.
    PowerFailAt {
        node: String,
        op: FaultyOp,
        prefix: String,
        skip: u32,
    },
    /// The machine loses its power before the poll after `skip` further ones of its tasks: at any await, also one that takes no time.
    PowerFailAtPoll {
        node: String,
        skip: u32,
    },
    /// The machine loses its power, or the process is killed, at an operation of the second kind behind one of the
    /// first.
    DieBetween {
        node: String,
        first: Moment,
        second: Moment,
        death: Death,
    },
    /// The machine loses its power so long after an operation.
    PowerFailSoon {
        node: String,
        after: Moment,
        by_us: u64,
    },
    /// Likewise, and nothing that was not synced is kept.
    LoseNames {
        node: String,
        op: FaultyOp,
        prefix: String,
        skip: u32,
    },
    /// A bit of a file becomes another; `pick` says which, among all that is there then.
    Rot {
        node: String,
        aim: Aim,
        pick: u64,
    },
    /// A sector of a file cannot be read any more.
    BadSector {
        node: String,
        aim: Aim,
        pick: u64,
    },
    /// The next write to a file misses its place.
    Misdirect {
        node: String,
        aim: Aim,
        pick: u64,
        by_sectors: i64,
    },
    /// The disk is copied as it is, in the place of an earlier copy. One that is not put back meanwhile is at the end of the run.
    TakeImage {
        node: String,
    },
    /// The machine loses its power, and comes back with the copy in the place of its disk.
    RestoreImage {
        node: String,
    },
    /// The machine loses its power, and its disk for a new one.
    Wipe {
        node: String,
    },
    /// Both clocks stand still, or go on.
    Freeze {
        node: String,
        frozen: bool,
    },
    /// The process is killed.
    Crash {
        node: String,
    },
    /// The process is asked to stop.
    Stop {
        node: String,
    },
    /// The process is started if it is down.
    Start {
        node: String,
    },
    /// A node that was no part of its cluster before joins it, with an empty disk.
    Join {
        node: String,
    },
    /// An administrator takes a node out of its cluster for good: gives what it holds to others, stops it, and has it forgotten.
    TakeAway {
        node: String,
    },
    Pause {
        node: String,
    },
    Resume {
        node: String,
    },
    /// The streams between two nodes are reset.
    Reset {
        a: String,
        b: String,
    },
    /// Nothing gets through from one node to another.
    Cut {
        from: String,
        to: String,
    },
    /// Both ways are whole again.
    Mend {
        a: String,
        b: String,
    },
    /// Both ways take longer by so much.
    Latency {
        a: String,
        b: String,
        by_us: u64,
    },
    /// So many operations on files whose names begin so fail.
    Disk {
        node: String,
        op: FaultyOp,
        prefix: String,
        times: u32,
    },
    /// Of the reads, direct writes or operations on names that begin so every `every`th takes so long, so many times.
    Hold {
        node: String,
        op: FaultyOp,
        prefix: String,
        times: u32,
        every: u32,
        for_us: u64,
    },
    /// The disk gives no more errors.
    ClearDisk {
        node: String,
    },
    /// So many bytes fit on the disk.
    Capacity {
        node: String,
        bytes: u64,
    },
    /// The disk takes so many times as long.
    Slow {
        node: String,
        times: u32,
    },
    /// The disk does nothing for a while.
    Stall {
        node: String,
        for_us: u64,
    },
    /// The wall clock jumps.
    Jump {
        node: String,
        ms: i64,
    },
    /// The wall clock is so much ahead from the moment at which the machine comes into being.
    Offset {
        node: String,
        ms: i64,
    },
    /// Both clocks are so many millionths too fast.
    Drift {
        node: String,
        ppm: i32,
    },
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Death {
    /// The machine loses its power.
    Power,
    /// The process is killed, its kernel lives on.
    Process,
}

/// An operation of a disk: the one after `skip` further ones of that kind on such paths.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    pub op: FaultyOp,
    pub prefix: String,
    pub skip: u32,
}

/// A fault and its time from the start of the clients, in simulated microseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedFault {
    pub at_us: u64,
    pub fault: Fault,
}

/// Puts the clocks of the machines that are still to come wrong, as a schedule has it ([`Fault::Offset`]).
pub fn set_clocks(cluster: &Cluster, schedule: &[TimedFault]) {
    for timed in schedule {
        if let Fault::Offset { node, ms } = &timed.fault {
            cluster.offset_clock(node, *ms);
        }
    }
}

/// As [`play`], where nothing that happens ends the run.
pub async fn play_all(
    cluster: &Cluster,
    schedule: &[TimedFault],
    duration: Duration,
    happens: impl Fn(&Fault),
) {
    let happens = |fault: &Fault| {
        happens(fault);
        Ok::<(), Infallible>(())
    };
    let Ok(()) = play(cluster, schedule, duration, happens).await;
}

/// Lets a schedule happen, and waits until `duration` is over.
///
/// # Errors
/// What `apply` gives for a fault that cannot be: the rest does not happen then.
pub async fn play<E>(
    cluster: &Cluster,
    schedule: &[TimedFault],
    duration: Duration,
    mut apply: impl FnMut(&Fault) -> Result<(), E>,
) -> Result<(), E> {
    let began = cluster.now();
    for timed in schedule {
        let wait = Duration::from_micros(timed.at_us).saturating_sub(cluster.now().since(began));
        cluster.sleep(wait).await;
        apply(&timed.fault)?;
    }
    cluster.sleep(duration.saturating_sub(cluster.now().since(began))).await;
    Ok(())
}

/// A time as schedules have it.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
