//! A cluster of replicas in memory goes through a schedule of packets, timers, syncs, losses of power and of disks, and
//! changes of leader and voters; what must hold is looked at after each step, and in the end all agree. The first byte says
//! how many of four nodes vote, then three bytes are one action, see `ordain::raft::cluster`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((voters, schedule)) = data.split_first() else { return };
    if let Err(story) = ordain::raft::cluster::run_bytes(schedule, i32::from(voters % 4) + 1, None) {
        panic!("{story}");
    }
});
