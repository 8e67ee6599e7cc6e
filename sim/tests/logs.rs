//! What nodes log stands in the trace and not in its hash.
use std::time::Duration;

use ordain_sim::{Crashed, Simulation, TraceMode, logs};

fn run(mode: TraceMode) -> (String, Vec<String>) {
    let outcome = Simulation::new(1).trace(mode).run(|cluster| async move {
        let node = cluster.add_node("n1");
        node.start(|io| async move {
            io.clock.sleep(Duration::from_secs(1)).await;
            tracing::info!(target: "ordain::test", count = 3, "something\nis told");
            tracing::info!(target: "somebody", "else");
        });
        cluster.sleep(Duration::from_secs(2)).await;
    });
    (outcome.hash.to_string(), outcome.lines)
}

#[test]
fn logs_stand_in_the_trace_and_not_in_its_hash() {
    let (hash, none) = run(TraceMode::Keep);
    logs::install().unwrap();
    let (with_logs, lines) = run(TraceMode::Keep);
    assert_eq!(hash, with_logs);
    assert_eq!(hash, run(TraceMode::Hash).0);
    let logged: Vec<&String> = lines.iter().filter(|line| !none.contains(line)).collect();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(" n1 log INFO ordain::test: something is told count=3"), "{logged:?}");
    assert!(logged[0].starts_with("1.00"), "{logged:?}");
}

#[test]
fn a_world_that_crashes_leaves_its_trace() {
    let outcome = Simulation::new(1).trace(TraceMode::Keep).try_run(|cluster| async move {
        let node = cluster.add_node("n1");
        assert!(node.is_running());
        std::future::pending::<()>().await;
    });
    let Err(Crashed(why)) = outcome.value else { panic!("everything waits for ever") };
    assert!(why.contains("block forever"), "{why}");
    assert!(outcome.lines.iter().any(|line| line.ends_with("n1 node added")));
    let outcome = Simulation::new(1).try_run(|cluster| async move {
        assert!(cluster.now().0 > 1_000_000, "a mistake of the scenario");
    });
    let Err(Crashed(why)) = outcome.value else { panic!("it panics") };
    assert_eq!(why, "a mistake of the scenario");
}
