//! Which protocols members have in common.
use super::super::classic::{ClassicGroup, Member, Phase};
use super::*;

fn kind() -> ProtocolType {
    ProtocolType::from("consumer")
}

fn protocols<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Protocol> {
    names.into_iter().map(|name| Protocol { name: name.into(), metadata: Bytes::new() }).collect()
}

fn member(protocols: Vec<Protocol>) -> Member {
    Member {
        group_instance_id: None,
        client_id: String::new(),
        client_host: String::new(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 10_000,
        protocols,
        assignment: Bytes::new(),
        is_new: true,
        awaiting_join: None,
        awaiting_sync: None,
    }
}

/// A group that these members join.
fn joining(members: Vec<(&str, Vec<Protocol>)>) -> ClassicGroup {
    let mut group = ClassicGroup::new(GroupId::from("g"), None);
    group.transition(Phase::Preparing { initial: None }, START);
    for (id, protocols) in members {
        group.add(MemberId::from(id), &kind(), member(protocols));
    }
    group
}

#[test]
fn what_members_support_follows_their_coming_and_going() {
    let x_and_y = protocols(["x", "y"]);
    let mut group = joining(vec![("A", x_and_y.clone()), ("B", protocols(["y"]))]);
    let supports = |group: &ClassicGroup, name| group.supports_protocols(&kind(), &protocols([name]));
    assert_eq!(["x", "y", "z"].map(|name| supports(&group, name)), [false, true, false]);
    assert!(group.supports_protocols(&kind(), &x_and_y), "one in common is enough");
    group.remove(&MemberId::from("B"));
    assert_eq!(["x", "y", "z"].map(|name| supports(&group, name)), [true, true, false]);
    let mut command = join_group(&mut Bench::new(GroupConfig::default()), "g", "A", &MemberId::default());
    command.protocols = protocols(["z", "x"]);
    group.renew(&MemberId::from("A"), &command);
    assert_eq!(["x", "y", "z"].map(|name| supports(&group, name)), [true, false, true]);
    assert_eq!(group.select_protocol(), ProtocolName::from("z"));
}

#[test]
fn a_protocol_that_a_member_names_twice_counts_once() {
    let mut group = joining(vec![("A", protocols(["x", "x"])), ("B", protocols(["y"]))]);
    assert!(!group.supports_protocols(&kind(), &protocols(["x"])), "B does not know x");
    group.remove(&MemberId::from("B"));
    assert!(group.supports_protocols(&kind(), &protocols(["x"])));
    assert_eq!(group.select_protocol(), ProtocolName::from("x"));
}

#[test]
fn a_loaded_group_supports_what_its_members_do() {
    let mut bench = Bench::new(GroupConfig::default());
    stable_group(&mut bench, &["A", "B"]);
    bench.reload();
    let mut command = join_group(&mut bench, "g", "C", &MemberId::default());
    for (name, error) in
        [("sticky", GroupError::InconsistentGroupProtocol), ("range", GroupError::MemberIdRequired)]
    {
        command.protocols = protocols([name]);
        let GroupResponse::Join(result) = bench.ask(GroupCommand::Join(command.clone())) else {
            panic!("a join")
        };
        assert_eq!(result.outcome, Err(error), "{name}");
    }
}

/// As many as fit one request, none in common but the last: each by each they would be compared for minutes.
#[test]
fn members_with_very_many_protocols_find_the_one_in_common() {
    let names = |member: usize| (0..18_000).map(move |n| format!("{member:02}-{n:05}"));
    let mut group = joining(Vec::new());
    for at in 0..20 {
        let names: Vec<String> = names(at).chain(["common".to_owned()]).collect();
        let all = protocols(names.iter().map(String::as_str));
        let others = &all[..all.len() - 1];
        assert!(at == 0 || group.supports_protocols(&kind(), &all));
        assert!(!group.supports_protocols(&kind(), others), "none of {at} is in common");
        group.add(MemberId::from(format!("{at:02}")), &kind(), member(all));
    }
    assert_eq!(group.select_protocol(), ProtocolName::from("common"));
}
