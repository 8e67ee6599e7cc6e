use super::{Forming, Server, Verdict};
use crate::peers::{Founding, Held, Introduction, NodeAddress};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{NodeId, Uuid};

fn key(node: i32) -> ReplicaKey {
    ReplicaKey { node: NodeId(node), directory: Uuid([node as u8; 16]) }
}

fn server(node: i32) -> Server {
    Server { address: NodeAddress { host: format!("n{node}"), port: 9 }, node: None }
}

fn founding(cluster: &'static str, nodes: &[i32]) -> Founding {
    let voters = VoterSet::of(nodes.iter().map(|&node| key(node))).expect("voters");
    Founding { cluster: cluster.into(), voters }
}

fn proposed(cluster: &'static str, nodes: &[i32]) -> Held {
    Held { founding: founding(cluster, nodes), complete: false }
}

fn complete(cluster: &'static str, nodes: &[i32]) -> Held {
    Held { founding: founding(cluster, nodes), complete: true }
}

/// What `node` says, which is configured with three servers.
fn says(node: i32, held: Option<Held>) -> Introduction {
    Introduction {
        leader: None,
        node: NodeId(node),
        directory: key(node).directory,
        incarnation: Uuid([77; 16]),
        servers: ["n2:9", "n1:9", "n3:9"].map(str::to_owned).to_vec(),
        founding: held,
    }
}

/// Node `own` of three, which are asked with these answers in the order of the list.
fn asked(own: i32, answers: Vec<Result<Introduction, &str>>) -> Forming {
    let mut forming = Forming::new(key(own), (1..=3).map(server).collect(), None);
    ask(&mut forming, answers);
    forming
}

fn ask(forming: &mut Forming, answers: Vec<Result<Introduction, &str>>) {
    forming.begin_round();
    for (at, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(theirs) => forming.answered(at, theirs),
            Err(why) => forming.failed(at, why.to_owned()),
        }
    }
}

fn all_empty() -> Vec<Result<Introduction, &'static str>> {
    (1..=3).map(|node| Ok(says(node, None))).collect()
}

/// What it waits for, which may end by itself.
fn waits(forming: &Forming) -> String {
    match forming.verdict() {
        Verdict::Wait { what } => what,
        other => panic!("{other:?}"),
    }
}

/// What contradicts.
fn blocked(forming: &Forming) -> String {
    match forming.verdict() {
        Verdict::Blocked { what } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_least_of_all_founds_and_the_others_wait_for_it() {
    let voters = founding("", &[1, 2, 3]).voters;
    assert_eq!(asked(1, all_empty()).verdict(), Verdict::Found(voters));
    let second = asked(2, all_empty());
    assert_eq!(waits(&second), "all 3 servers have answered; it waits for node 1, which founds the cluster");
    let addresses: Vec<_> = second.addresses().iter().map(|(node, at)| (node.0, at.to_string())).collect();
    assert_eq!(addresses, [(1, "n1:9".to_owned()), (3, "n3:9".to_owned())]);
}

#[test]
fn nobody_founds_while_one_is_missing() {
    let mut answers = all_empty();
    answers[2] = Err("refused");
    let mut forming = asked(1, answers);
    let what_to_do = ": start the nodes that are not there, or correct controller.quorum.bootstrap.servers on all; it \
                      names their listeners of controller.listener.names";
    let what = "2 of 3 servers have answered; no answer from n3:9 (refused)";
    assert_eq!(waits(&forming), format!("{what}{what_to_do}"));
    forming.begin_round();
    forming.answered(2, says(3, None));
    let what = "1 of 3 servers have answered; no answer from n1:9, n2:9";
    assert_eq!(waits(&forming), format!("{what}{what_to_do}"));
}

#[test]
fn contradictions_are_named() {
    let with = |at: usize, change: fn(&mut Introduction)| {
        let mut answers = all_empty();
        change(answers[at].as_mut().expect("an answer"));
        blocked(&asked(1, answers))
    };
    assert_eq!(
        with(1, |theirs| theirs.node = NodeId(1)),
        "the node at n2:9 has node.id=1 as this one has: give one of them another number"
    );
    assert_eq!(
        with(2, |theirs| theirs.node = NodeId(2)),
        "the nodes at n2:9 and n3:9 both have node.id=2: give one of them another number"
    );
    assert_eq!(
        with(2, |theirs| *theirs = says(2, None)),
        "n2:9 and n3:9 both are node 2: name each node once"
    );
    assert_eq!(
        with(1, |theirs| *theirs = says(1, None)),
        "n1:9 and n2:9 both are node 1: name each node once"
    );
    assert_eq!(
        with(2, |theirs| theirs.servers.truncate(2)),
        "node 3 at n3:9 is configured with the servers n1:9,n2:9, this node with n1:9,n2:9,n3:9: make \
         controller.quorum.bootstrap.servers the same on all"
    );
    // The same list in another order, or with one of them twice, is the same.
    let voters = founding("", &[1, 2, 3]).voters;
    let mut answers = all_empty();
    answers[1].as_mut().expect("an answer").servers =
        ["n3:9", "n1:9", "n2:9", "n1:9"].map(str::to_owned).to_vec();
    assert_eq!(asked(1, answers).verdict(), Verdict::Found(voters));
}

#[test]
fn the_ids_of_the_quorum_are_checked() {
    let servers = [1, 3, 2].map(|node| Server { node: Some(NodeId(node)), ..server(node) });
    let mut forming = Forming::new(key(1), servers.to_vec(), None);
    ask(&mut forming, all_empty());
    assert_eq!(
        blocked(&forming),
        "controller.quorum.voters names node 3 at n3:9, where node 2 answers: correct the one or the other"
    );
}

#[test]
fn who_is_not_in_the_list_founds_nothing() {
    let forming = asked(0, all_empty());
    assert!(waits(&forming).starts_with("none of the servers is this node (0), so it founds no cluster"));
    let mut nobody = Forming::new(key(1), Vec::new(), None);
    nobody.begin_round();
    assert!(waits(&nobody).starts_with("none of the servers is this node (1)"));
    let mut many = Forming::new(key(1), (1..=8).map(server).collect(), None);
    let list: Vec<String> = (1..=8).map(|node| server(node).address.to_string()).collect();
    ask(
        &mut many,
        (1..=8).map(|node| Ok(Introduction { servers: list.clone(), ..says(node, None) })).collect(),
    );
    assert!(blocked(&many).starts_with("8 servers are named, and 7 found a cluster at most"));
}

#[test]
fn one_alone_founds_for_itself() {
    let mut alone = Forming::new(key(4), vec![server(4), server(4)], None);
    ask(&mut alone, vec![Ok(Introduction { servers: vec!["n4:9".to_owned()], ..says(4, None) })]);
    assert_eq!(alone.verdict(), Verdict::Found(founding("", &[4]).voters));
    alone.stored(complete("c", &[4]));
    assert_eq!(alone.verdict(), Verdict::Joined);
}

#[test]
fn a_cluster_that_there_is_is_joined_whoever_its_voters_are() {
    for voters in [[1, 2, 3], [5, 6, 7]] {
        let answers = vec![Ok(says(1, None)), Ok(says(2, Some(complete("c", &voters)))), Err("refused")];
        assert_eq!(asked(1, answers).verdict(), Verdict::Take(complete("c", &voters)));
    }
    // A list that differs, or a proposal that came to nothing, changes nothing about that.
    let other = Introduction { servers: Vec::new(), ..says(3, Some(complete("c", &[5, 6]))) };
    let answers = vec![Ok(says(1, None)), Ok(says(2, Some(proposed("d", &[1, 2])))), Ok(other)];
    assert_eq!(asked(1, answers).verdict(), Verdict::Take(complete("c", &[5, 6])));
    let answers =
        vec![Err("refused"), Ok(says(2, Some(complete("d", &[2])))), Ok(says(3, Some(complete("c", &[3]))))];
    let two = asked(1, answers);
    assert_eq!(
        blocked(&two),
        "the servers lead to more than one cluster: n2:9 to d, n3:9 to c; name the servers of one only in \
         controller.quorum.bootstrap.servers"
    );
}

#[test]
fn a_proposal_is_taken_by_its_voters_only() {
    let answers = |held: Held| vec![Ok(says(1, None)), Ok(says(2, Some(held))), Err("refused")];
    let own = asked(1, answers(proposed("c", &[1, 2, 3])));
    assert_eq!(own.verdict(), Verdict::Take(proposed("c", &[1, 2, 3])));
    let foreign = asked(1, answers(proposed("c", &[2, 3])));
    assert!(waits(&foreign).starts_with("cluster c is being founded without this node"));
    let two = vec![
        Ok(says(1, None)),
        Ok(says(2, Some(proposed("c", &[1, 2])))),
        Ok(says(3, Some(proposed("d", &[1, 3])))),
    ];
    assert_eq!(waits(&asked(1, two)), "two clusters are being founded, c and d: their nodes say what to do");
}

#[test]
fn one_that_is_told_takes_what_names_it_and_never_another() {
    let mut forming = Forming::new(key(2), (1..=3).map(server).collect(), None);
    assert_eq!(forming.introduced(&says(1, None)), None);
    assert_eq!(forming.introduced(&says(1, Some(proposed("c", &[1, 3])))), None);
    assert_eq!(forming.introduced(&says(1, Some(complete("c", &[1, 3])))), None, "it asks for that itself");
    let same_node = Founding {
        voters: VoterSet::of([key(1), ReplicaKey { node: NodeId(2), ..key(9) }]).expect("voters"),
        ..founding("c", &[1])
    };
    let wiped = Held { founding: same_node, complete: false };
    assert_eq!(forming.introduced(&says(1, Some(wiped))), None, "another directory of this node");
    let held = proposed("c", &[1, 2, 3]);
    assert_eq!(forming.introduced(&says(1, Some(held.clone()))), Some(held.clone()));
    forming.stored(held.clone());
    assert_eq!(forming.introduced(&says(1, Some(held))), None, "it has it");
    assert_eq!(forming.introduced(&says(3, Some(proposed("d", &[2, 3])))), None);
    assert_eq!(forming.introduced(&says(3, Some(complete("d", &[2, 3])))), None);
    let done = complete("c", &[1, 2, 3]);
    assert_eq!(forming.introduced(&says(1, Some(done.clone()))), Some(done.clone()));
    forming.stored(done.clone());
    assert_eq!(forming.verdict(), Verdict::Joined);
    assert_eq!(forming.introduced(&says(1, Some(done))), None);
}

#[test]
fn a_proposal_is_complete_when_all_its_voters_hold_it() {
    let held = proposed("c", &[1, 2, 3]);
    let mut forming = Forming::new(key(1), (1..=3).map(server).collect(), Some(held.clone()));
    ask(&mut forming, vec![Ok(says(1, Some(held.clone()))), Ok(says(2, Some(held.clone()))), Err("refused")]);
    assert_eq!(
        waits(&forming),
        "cluster c is founded once all its voters hold that: it waits for node 3; no answer from n3:9 (refused)"
    );
    ask(&mut forming, vec![Ok(says(1, None)), Err("refused"), Ok(says(3, None))]);
    assert!(waits(&forming).contains("it waits for node 3"), "it does not hold it");
    // Held is held: that node 2 is away now does not matter.
    assert_eq!(forming.introduced(&says(3, Some(held.clone()))), None);
    assert_eq!(forming.verdict(), Verdict::Take(complete("c", &[1, 2, 3])));
    // Or another voter knows.
    let mut other = Forming::new(key(2), (1..=3).map(server).collect(), Some(held));
    ask(&mut other, vec![Ok(says(1, Some(complete("c", &[1, 2, 3])))), Err("refused"), Err("refused")]);
    assert_eq!(other.verdict(), Verdict::Take(complete("c", &[1, 2, 3])));
}

#[test]
fn a_proposal_that_cannot_be_completed_says_what_to_do() {
    let held = proposed("c", &[1, 2, 3]);
    let with = |theirs: Introduction| {
        let mut forming = Forming::new(key(1), (1..=3).map(server).collect(), Some(held.clone()));
        ask(&mut forming, vec![Ok(says(1, Some(held.clone()))), Ok(theirs), Err("refused")]);
        blocked(&forming)
    };
    let wiped = with(Introduction { directory: Uuid([8; 16]), ..says(2, None) });
    assert!(
        wiped.starts_with(
            "the founding of cluster c names data directory AgICAgICAgICAgICAgICAg of node 2, and"
        )
    );
    assert!(wiped.contains("n2:9 answers with CAgICAgICAgICAgICAgICA"), "{wiped}");
    let other = with(says(2, Some(proposed("d", &[2, 3]))));
    assert!(other.starts_with("node 2 holds the founding of cluster d and not that of c"), "{other}");
    assert!(other.contains("remove the file cluster.founding"), "{other}");
    let stranger = with(says(9, Some(complete("d", &[9]))));
    assert_eq!(
        stranger,
        "the servers lead to more than one cluster: n1:9 to c, n2:9 to d, this node's data directory to c; name the servers of \
         one only in controller.quorum.bootstrap.servers"
    );
}

#[test]
#[should_panic(expected = "a node holds one founding for ever")]
fn a_second_founding_is_never_held() {
    let mut forming = Forming::new(key(1), vec![server(1)], Some(proposed("c", &[1, 2])));
    forming.stored(proposed("d", &[1, 2]));
}

/// A node that is no controller, asked with these answers.
fn asked_without_vote(own: i32, answers: Vec<Result<Introduction, &str>>) -> Forming {
    let mut forming = Forming::new(key(own), (1..=3).map(server).collect(), None).without_vote();
    ask(&mut forming, answers);
    forming
}

#[test]
fn a_broker_alone_waits_for_the_controllers() {
    let mut forming = asked_without_vote(4, all_empty());
    let waiting =
        "the controllers have founded no cluster yet, and this node (process.roles=broker) waits for that";
    assert_eq!(waits(&forming), waiting);
    assert_eq!(forming.introduced(&says(1, Some(proposed("c", &[1, 2, 3])))), None);
    assert_eq!(
        forming.introduced(&says(1, Some(proposed("c", &[1, 2, 3, 4])))),
        None,
        "nobody counts on its vote"
    );
    let found = complete("c", &[1, 2, 3]);
    let answers = (1..=3).map(|node| Ok(says(node, Some(found.clone())))).collect();
    assert_eq!(asked_without_vote(4, answers).verdict(), Verdict::Take(found));
}

#[test]
fn a_broker_alone_among_the_founders_is_told() {
    let forming = asked_without_vote(3, all_empty());
    assert_eq!(
        blocked(&forming),
        "controller.quorum.bootstrap.servers names n3:9, which is this node, and its process.roles is broker: name \
         controllers only, on all nodes"
    );
    let mut answers = all_empty();
    answers[0] = Ok(says(1, Some(proposed("c", &[1, 2, 3]))));
    assert!(blocked(&asked_without_vote(3, answers)).contains("is being founded with this node's vote"));
}
