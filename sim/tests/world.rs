//! Nodes, clocks, tasks, and that a seed is the whole story.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::io::JoinError;
use ordain_sim::scenarios::{self, StorageAndNet};
use ordain_sim::{Simulation, TraceMode};

#[test]
fn a_program_runs_crashes_and_runs_again() {
    Simulation::new(1).run(|cluster| async move {
        let node = cluster.add_node("node");
        let (runs, steps) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (runs_seen, steps_seen) = (runs.clone(), steps.clone());
        node.start(move |io| {
            let (runs, steps) = (runs.clone(), steps.clone());
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                loop {
                    io.clock.sleep(Duration::from_secs(1)).await;
                    steps.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        cluster.sleep(Duration::from_millis(3500)).await;
        assert_eq!(steps_seen.load(Ordering::Relaxed), 3);
        node.crash();
        assert!(!node.is_running());
        cluster.sleep(Duration::from_secs(10)).await;
        assert_eq!(steps_seen.load(Ordering::Relaxed), 3, "a dead node does nothing");
        node.restart();
        cluster.sleep(Duration::from_millis(1500)).await;
        assert_eq!((runs_seen.load(Ordering::Relaxed), steps_seen.load(Ordering::Relaxed)), (2, 4));
        node.pause();
        cluster.sleep(Duration::from_secs(10)).await;
        assert_eq!(steps_seen.load(Ordering::Relaxed), 4);
        // Killed while it is paused.
        node.power_fail();
        node.restart();
        cluster.sleep(Duration::from_millis(1500)).await;
        assert_eq!((runs_seen.load(Ordering::Relaxed), steps_seen.load(Ordering::Relaxed)), (3, 5));
    });
}

/// Gives way once, without any time.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn the_power_fails_between_two_awaits_that_take_no_time() {
    for skip in 0..4 {
        Simulation::new(1).run(|cluster| async move {
            let node = cluster.add_node("node");
            let steps = Arc::new(AtomicU32::new(0));
            let seen = steps.clone();
            let failing = node.clone();
            node.when_polled(
                skip,
                Box::new(move || {
                    failing.power_fail();
                }),
            );
            node.start(move |_| {
                let steps = steps.clone();
                async move {
                    for _ in 0..10 {
                        steps.fetch_add(1, Ordering::Relaxed);
                        give_way().await;
                    }
                }
            });
            cluster.sleep(Duration::from_secs(1)).await;
            assert!(!node.is_running());
            assert_eq!(seen.load(Ordering::Relaxed), skip, "each poll is a step");
            // It happens once.
            node.restart();
            cluster.sleep(Duration::from_secs(1)).await;
            assert_eq!(seen.load(Ordering::Relaxed), skip + 10);
        });
    }
}

/// Writes through what it holds when it is dropped.
struct Late {
    io: ordain::io::Io,
    dropped: Arc<AtomicU32>,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let disk = self.io.disk.clone();
        let job = async move {
            disk.create_dir_all("from-the-grave").await.unwrap();
        };
        drop(self.io.spawn.spawn("late", Box::pin(job)));
    }
}

#[test]
fn destructors_of_a_dead_run_have_no_effect() {
    Simulation::new(2).run(|cluster| async move {
        let node = cluster.add_node("node");
        let dropped = Arc::new(AtomicU32::new(0));
        let seen = dropped.clone();
        node.start(move |io| {
            let late = Late { io: io.clone(), dropped: dropped.clone() };
            async move {
                let _late = late;
                std::future::pending::<()>().await;
            }
        });
        cluster.sleep(Duration::from_secs(1)).await;
        node.crash();
        node.restart();
        cluster.sleep(Duration::from_secs(1)).await;
        assert_eq!(seen.load(Ordering::Relaxed), 1, "the destructor ran");
        assert!(
            node.disk()
                .peek("from-the-grave")
                .is_err_and(|error| { error.kind() == std::io::ErrorKind::NotFound })
        );
    });
}

#[test]
fn a_clock_may_be_wrong_from_the_start() {
    Simulation::new(5).run(|cluster| async move {
        cluster.offset_clock("b", -86_400_000);
        let (a, b) = (cluster.add_node("a"), cluster.add_node("b"));
        let (right, wrong) = (a.io().clock, b.io().clock);
        assert_eq!(wrong.wall(), right.wall().plus_ms(-86_400_000));
        assert_eq!(wrong.now(), right.now(), "the monotonic clock has no offset");
        b.power_fail();
        b.restart();
        assert_eq!(b.io().clock.wall(), right.wall().plus_ms(-86_400_000), "it is the machine's");
    });
}

#[test]
fn clocks_drift_jump_and_freeze() {
    Simulation::new(3).run(|cluster| async move {
        let node = cluster.add_node("node");
        let clock = node.io().clock;
        let second = Duration::from_secs(1);
        let (before, wall) = (clock.now(), clock.wall());
        cluster.sleep(second).await;
        assert_eq!(clock.now().since(before).as_millis(), 1000);
        node.clock().jump(-5000);
        assert_eq!(clock.wall(), wall.plus_ms(-4000));
        assert_eq!(clock.now().since(before).as_millis(), 1000, "the monotonic clock does not jump");
        node.clock().drift(500_000);
        let before = clock.now();
        cluster.sleep(second).await;
        assert_eq!(clock.now().since(before).as_millis(), 1500);
        // A sleep that is under way feels the change.
        let slept = Arc::new(Mutex::new(None));
        let (slot, world, sleeping) = (slept.clone(), cluster.clone(), clock.clone());
        let began = cluster.now();
        let job = async move {
            sleeping.sleep(Duration::from_secs(3)).await;
            *slot.lock().unwrap() = Some(world.now().since(began));
        };
        drop(node.io().spawn.spawn("sleeper", Box::pin(job)));
        cluster.sleep(second).await;
        assert_eq!(node.clock().last_stood_still(), None);
        node.clock().freeze(true);
        let frozen_at = clock.now();
        cluster.sleep(second * 10).await;
        assert_eq!(clock.now(), frozen_at);
        assert!(slept.lock().unwrap().is_none());
        let thawed = cluster.now();
        assert_eq!(node.clock().last_stood_still(), Some(thawed));
        node.clock().freeze(false);
        node.clock().drift(0);
        cluster.sleep(second * 10).await;
        node.clock().freeze(false);
        assert_eq!(node.clock().last_stood_still(), Some(thawed), "it had gone on");
        // A second at 1.5 makes 1.5 of the three; ten stood still; the rest at the normal rate.
        let slept = slept.lock().unwrap().unwrap();
        assert!(slept >= Duration::from_millis(12_500) && slept < Duration::from_millis(12_501), "{slept:?}");
    });
}

#[test]
fn hot_loops_over_a_sleep_do_not_pile_up_timers() {
    let outcome = Simulation::new(4).run(|cluster| async move {
        let node = cluster.add_node("node");
        let io = node.io();
        let mut long = io.clock.sleep(Duration::from_secs(1000));
        for _ in 0..1000 {
            // Polled together with a short sleep, again and again.
            let short = io.clock.sleep(Duration::from_millis(1));
            assert!(cluster.within(Duration::from_micros(500), &mut long).await.is_none());
            short.await;
        }
        cluster.now()
    });
    assert!(outcome.value.0 >= 1_000_000_000 && outcome.value.0 < 2_000_000_000, "{}", outcome.value);
}

#[test]
fn a_panic_is_listed_and_a_killed_task_is_aborted() {
    let outcome = Simulation::new(5).run(|cluster| async move {
        let node = cluster.add_node("node");
        assert_eq!(node.run(|_| async { 7 }).await, Some(7));
        assert_eq!(node.run(|_| async { panic!("planted") }).await, None::<()>);
        let task = node.io().spawn.spawn("waits", Box::pin(std::future::pending()));
        node.crash();
        assert_eq!(task.join().await, Err(JoinError::Aborted));
    });
    assert_eq!(outcome.panics.len(), 1);
    assert_eq!(outcome.panics[0].message, "planted");
}

#[test]
fn the_trace_tells_what_happened() {
    let outcome = Simulation::new(6).trace(TraceMode::Keep).run(|cluster| async move {
        let node = cluster.add_node("node");
        node.io().disk.create_dir_all("d").await.unwrap();
        cluster.note(format_args!("half time"));
        node.power_fail();
    });
    assert_eq!(outcome.lines.len() as u64, outcome.events);
    let all = outcome.lines.join("\n");
    for what in ["node node added", "node disk mkdir \"d\" ok", "scenario half time", "power failure"] {
        assert!(all.contains(what), "{what} is not in\n{all}");
    }
}

/// A scenario whose seeds take no time worth mentioning in a debug build.
const LIGHT: &str = "storage-and-net";

/// What a process of its own prints.
fn sim(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ordain-sim")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

#[test]
fn a_seed_replays_in_another_process() {
    for seed in ["1", "2", "3"] {
        let (first, second) =
            (sim(&["replay", seed, "--scenario", LIGHT]), sim(&["replay", seed, "--scenario", LIGHT]));
        assert!(first.0, "{}", first.1);
        assert!(first.1.lines().count() > 100, "a trace of {} lines", first.1.lines().count());
        assert!(first.1 == second.1, "two traces of seed {seed}");
        // The hash of the printed trace is the hash that a silent run reports.
        let (_, report) = sim(&["seed", seed, "--scenario", LIGHT]);
        let hash = first.1.lines().last().unwrap();
        assert!(report.contains(&format!("\"hash\":\"{hash}\"")), "{report}");
    }
    let hash = |seed| sim(&["replay", seed, "--scenario", LIGHT]).1.lines().last().map(str::to_owned);
    assert_ne!(hash("1"), hash("2"));
}

#[test]
fn a_sweep_passes_and_compares() {
    let seeds = ["--seeds", "6", "--start", "100", "--check-determinism", "100%"];
    let (passed, text) = sim(&[&["run", "--scenario", LIGHT], &seeds[..]].concat());
    assert!(passed && text.contains("6 of 6 seeds passed") && text.contains("6 compared"), "{text}");
    let (passed, text) = sim(&["run", "--scenario", "no-such"]);
    assert!(!passed && text.contains("cargo sim list"), "{text}");
    assert!(sim(&["list"]).1.contains("storage-and-net"));
}

#[test]
fn a_failing_seed_tells_how_to_replay_it() {
    let scenario = "mutant-replica-cut-too-much";
    let run = ["run", "--scenario", scenario, "--seeds", "1", "--start", "5", "--folders", "0"];
    let (passed, text) = sim(&run);
    assert!(!passed && text.contains(&format!("cargo sim replay 5 --scenario {scenario}")), "{text}");
    // A time limit of none at all would make every seed fail.
    let (passed, text) = sim(&["run", "--seeds", "1", "--timeout", "0"]);
    assert!(!passed && text.contains("'--timeout <TIMEOUT>': 0 is not in 1.."), "{text}");
}

#[test]
fn an_answer_before_the_sync_is_found() {
    let planted = StorageAndNet { sync_before_answer: false };
    let found =
        (0..10).filter(|seed| scenarios::run(&planted, *seed, TraceMode::Hash).value.is_err()).count();
    assert!(found >= 3, "the planted bug was found by {found} of 10 seeds");
    let sound = StorageAndNet { sync_before_answer: true };
    for seed in 0..10 {
        let outcome = scenarios::run(&sound, seed, TraceMode::Hash);
        assert_eq!(outcome.value, Ok(()), "seed {seed}");
    }
}
