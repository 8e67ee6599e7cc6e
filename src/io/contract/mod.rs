//! What every twin of the five traits must do: one set of tests, written against [`Io`] alone and run over the
//! operating system's twins and the simulator's. Each is an async function that panics where the contract is
//! broken; [`all`] lists them.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a contract test panics on a violation")]
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{BoxFuture, Io, timeout};

mod clock;
mod disk;
mod disk_names;
mod durability;
mod net;
mod net_close;
mod rng;
mod spawn;

/// Two hosts: `client` connects to `server`, by the name `server_host`, where `server_ip` can be bound. They
/// may be one and the same.
#[derive(Clone)]
pub struct Stage {
    pub client: Io,
    pub server: Io,
    pub server_host: String,
    pub server_ip: IpAddr,
    /// Ends the client's process as hard as the twin can, and gives what the next one has of the world. `client` is not
    /// used after that.
    pub reborn: Arc<dyn Fn() -> Io + Send + Sync>,
}

/// One test of the contract.
#[derive(Clone, Copy)]
pub struct Contract {
    pub name: &'static str,
    pub run: fn(Stage) -> BoxFuture<()>,
}

macro_rules! contracts {
    ($($module:ident :: $name:ident),* $(,)?) => {
        vec![$(Contract {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |stage| Box::pin(async move { $module::$name(&stage).await }),
        }),*]
    };
}

/// All tests. The disk tests work in directories of their own names, which must not exist before.
#[must_use]
pub fn all() -> Vec<Contract> {
    contracts![
        clock::monotone,
        clock::sleeps_at_least,
        clock::a_past_deadline_is_ready,
        clock::a_timeout_ends_the_wait,
        clock::a_timeout_asks_the_future_first,
        clock::wall_time_is_of_our_age,
        rng::streams_differ,
        rng::below_stays_below,
        spawn::runs_to_the_end,
        spawn::abort_ends_it,
        spawn::a_panic_is_reported,
        spawn::a_dropped_handle_lets_it_run,
        spawn::busy_work_is_done_when_it_returns,
        net::the_stream_keeps_every_byte,
        net::vectored_writes_keep_their_order,
        net::reads_append_and_keep_the_limit,
        net::addresses_agree,
        net::port_zero_takes_free_ports,
        net::a_second_listener_is_refused,
        net::a_foreign_address_cannot_be_bound,
        net::nobody_listens_is_refused,
        net::accept_waits_and_takes_many,
        net::a_full_window_blocks_the_writer,
        net_close::half_close_lets_the_answer_through,
        net_close::dropping_a_half_keeps_the_other,
        net_close::a_clean_close_is_an_end,
        net_close::closing_over_unread_bytes_resets,
        net_close::writing_to_a_closed_peer_fails,
        net_close::writing_after_shutdown_fails,
        disk::reads_what_was_written,
        disk::short_reads_only_at_the_end,
        disk::vectored_writes_are_one_run,
        disk::writes_beyond_the_end_fill_with_zeros,
        disk::set_len_cuts_and_extends,
        disk::aligned_writes,
        disk::access_and_alignment_are_checked,
        disk::read_only_files_refuse_writes,
        disk::syncs_succeed,
        disk::many_files_sync_at_once,
        disk::files_are_written_in_turn,
        disk::a_dropped_future_leaves_the_file_usable,
        disk::space_is_told,
        disk_names::open_tells_missing_and_existing,
        disk_names::truncate_empties,
        disk_names::rename_replaces,
        disk_names::rename_moves_between_directories,
        disk_names::a_removed_file_stays_readable,
        disk_names::list_is_sorted,
        disk_names::directories_come_and_go,
        disk_names::paths_stay_inside,
        durability::synced_bytes_stay,
        durability::a_durable_write_stays,
        durability::files_synced_at_once_stay,
        durability::synced_names_stay,
    ]
}

/// How long a test waits for what must happen before it calls it a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test watches for what must not happen.
const WATCH: Duration = Duration::from_millis(200);

/// Waits for what must happen.
async fn soon<F: Future>(io: &Io, what: &str, future: F) -> F::Output {
    let deadline = io.clock.now().after(PATIENCE);
    match timeout(io.clock.as_ref(), deadline, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}

/// Drives both to their end.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut from_a, mut from_b) = (None, None);
    poll_fn(|context| {
        if from_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            from_a = Some(output);
        }
        if from_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            from_b = Some(output);
        }
        if from_a.is_some() && from_b.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (from_a.unwrap(), from_b.unwrap())
}

/// Bytes without a period that a misplaced piece could hide in.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
