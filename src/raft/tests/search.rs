use crate::raft::cluster::{Bounds, Cluster, Search, search};

fn report(name: &str, result: &Search) {
    println!("{name}: {} states, depth {}, complete {}", result.states, result.depth, result.complete);
    if let Some(found) = &result.found {
        panic!("{name}: {}\n  {}", found.violation, found.path.join("\n  "));
    }
}

#[test]
fn every_election_of_two_epochs() {
    let bounds = Bounds { epoch_max: crate::types::LeaderEpoch(1), states_max: 50_000, ..Bounds::NONE };
    report("elections", &search(Cluster::new(3, 3, None), bounds));
}
