use serde_json::{Value, json};

use super::*;
use crate::history::from_json_lines;

/// A history as its writers see it: each operation of a client ends before its next one begins.
#[derive(Clone, Default)]
struct Story {
    text: String,
    time: u64,
}

impl Story {
    fn line(&mut self, client: &str, kind: &str, f: &str, value: &Value) {
        self.time += 10;
        // One process for each client, and one for each operation whose end nobody knows.
        let process = client.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)) % 1_000_000;
        let process =
            if kind == "info" || kind == "asks" { process + self.time / 20 * 1_000_000 } else { process };
        let kind = if kind == "asks" { "invoke" } else { kind };
        let line = json!({ "time": self.time, "process": process, "client": client, "type": kind, "f": f, "value": value });
        self.text.push_str(&format!("{line}\n"));
    }

    fn done(mut self, client: &str, f: &str, asked: &Value, told: &Value) -> Story {
        self.line(client, "invoke", f, asked);
        self.line(client, "ok", f, told);
        self
    }

    /// The idempotent producer 1 and the plain producer 2, each in session 1.
    fn new() -> Story {
        let told =
            |producer: &str, idempotent: bool| json!({ "producer": producer, "idempotent": idempotent });
        Story::default().done("producer-1", "producer", &told("1/1", true), &Value::Null).done(
            "producer-2",
            "producer",
            &told("2/1", false),
            &Value::Null,
        )
    }

    fn sent(self, id: &str, offset: i64) -> Story {
        self.done(
            &format!("producer-{}", &id[..1]),
            "send",
            &json!([["send", "t-0", id]]),
            &json!([["send", "t-0", [offset, id]]]),
        )
    }

    /// Nobody was told what became of it, or it was refused with a code.
    fn open(mut self, id: &str, code: Option<i16>) -> Story {
        self.time = self.time.next_multiple_of(20);
        let client = format!("producer-{}", &id[..1]);
        self.line(&client, "asks", "send", &json!([["send", "t-0", id]]));
        let told = match code {
            Some(code) => json!([["send", "t-0", [null, id], code]]),
            None => json!([["send", "t-0", [null, id]]]),
        };
        self.time -= 5;
        self.line(&client, "info", "send", &told);
        self
    }

    fn polled(self, client: &str, from: i64, ids: &[&str]) -> Story {
        let records: Vec<Value> = (from..).zip(ids).map(|(offset, id)| json!([offset, id])).collect();
        self.done(client, "poll", &json!([["poll"]]), &json!([["poll", { "t-0": records }]]))
    }

    fn assigned(self, client: &str) -> Story {
        self.done(client, "assign", &json!(["t-0"]), &json!(["t-0"]))
    }

    fn subscribed(self, client: &str) -> Story {
        self.done(client, "subscribe", &json!(["t"]), &json!(["t"])).assigned(client)
    }

    fn listed(self, client: &str, spec: &str, offset: i64) -> Story {
        self.done(client, "list-offsets", &json!({ "t-0": spec }), &json!({ "t-0": offset }))
    }

    fn commits(self, client: &str, offset: i64) -> Story {
        self.done(client, "commit", &json!({ "t-0": offset }), &json!({ "t-0": offset }))
    }

    fn committed_is(self, offset: Option<i64>) -> Story {
        self.done("onlooker", "committed", &json!(["t-0"]), &json!({ "t-0": offset }))
    }

    fn healed(self) -> Story {
        self.done("faults", "heal", &Value::Null, &Value::Null)
    }

    /// The last look finds these.
    fn judged(self, from: i64, ids: &[&str]) -> Story {
        let end = from + i64::try_from(ids.len()).unwrap();
        self.listed("judge", "Earliest", from)
            .listed("judge", "Latest", end)
            .assigned("judge")
            .polled("judge", from, ids)
    }

    fn verdict(&self) -> Result<Verdict, String> {
        check_history(&[("x".to_owned(), from_json_lines(&self.text).unwrap())])
    }

    /// Who finds something.
    fn found(&self) -> Vec<&'static str> {
        let judged = self.verdict().unwrap().judged;
        judged.iter().filter(|judged| judged.found.is_some()).map(|judged| judged.checker).collect()
    }
}

/// Two records of the idempotent producer, acknowledged at 0 and 1.
fn two() -> Story {
    Story::new().sent("1/1/1", 0).sent("1/1/2", 1)
}

const NOBODY: [&str; 0] = [];

#[test]
fn a_good_history_is_good_and_every_checker_was_held_against_something() {
    let joined = json!({ "generation": 1, "assignment": "all" });
    let story = two()
        .sent("2/1/1", 2)
        .open("2/1/2", None)
        .subscribed("member-1")
        .polled("member-1", 0, &["1/1/1", "1/1/2"])
        .commits("member-1", 2)
        .committed_is(Some(2))
        .assigned("member-1")
        .polled("member-1", 2, &["2/1/1"])
        .done("worker", "join", &json!("w"), &joined)
        .done("ids", "init-producer-id", &Value::Null, &json!([7, 0]))
        .healed()
        .sent("1/1/3", 4)
        .sent("2/1/3", 5)
        .polled("member-1", 3, &["2/1/2", "1/1/3"])
        .judged(0, &["1/1/1", "1/1/2", "2/1/1", "2/1/2", "1/1/3", "2/1/3"]);
    let verdict = story.verdict().unwrap();
    for judged in verdict.judged {
        assert_eq!((judged.found, judged.held > 0), (None, true), "{}", judged.checker);
    }
    assert_eq!(verdict.operations[&("send".to_owned(), "info")], 1);
}

#[test]
fn a_lost_record_is_found() {
    assert_eq!(two().judged(0, &["1/1/1", "1/1/2"]).found(), NOBODY);
    assert_eq!(two().judged(0, &["1/1/1"]).found(), ["I1-lost-record", "I10-offset-not-real"]);
    // Somebody has read it once, and it is missed by the last look.
    let hidden = two().sent("1/1/3", 2).assigned("reader").polled("reader", 0, &["1/1/1", "1/1/2", "1/1/3"]);
    let looked = hidden.listed("judge", "Earliest", 0).listed("judge", "Latest", 3).assigned("judge");
    let missed = looked.polled("judge", 0, &["1/1/1"]).polled("judge", 2, &["1/1/3"]);
    assert_eq!(missed.found(), ["I1-lost-record", "I8-poll-skip"]);
}

#[test]
fn what_the_broker_said_that_it_cannot_read_is_excused() {
    let missed = |told: &Value| {
        let story = two().sent("1/1/3", 2).assigned("reader").polled("reader", 0, &["1/1/1"]);
        let story = story.done("operator", "unreadable", told, told).polled("reader", 2, &["1/1/3"]);
        let looked = story.listed("judge", "Earliest", 0).listed("judge", "Latest", 3).assigned("judge");
        looked.polled("judge", 0, &["1/1/1"]).polled("judge", 2, &["1/1/3"]).found()
    };
    assert_eq!(missed(&json!({ "t-0": [1, 2] })), NOBODY);
    assert_eq!(missed(&json!({ "t-0": [0, 1] })), ["I1-lost-record", "I8-poll-skip"]);
    assert_eq!(missed(&json!({ "t-1": null })), ["I1-lost-record", "I8-poll-skip"]);
    // Nobody can look at a partition that is not served at all.
    let none = json!({ "u-0": null });
    let mut story = two();
    story.line("producer-1", "invoke", "send", &json!([["send", "u-0", "1/1/9"]]));
    story.line("producer-1", "ok", "send", &json!([["send", "u-0", [0, "1/1/9"]]]));
    let looked = |story: Story| story.judged(0, &["1/1/1", "1/1/2"]).found();
    assert_eq!(looked(story.clone()), ["I1-lost-record"]);
    assert_eq!(looked(story.done("operator", "unreadable", &none, &none)), NOBODY);
    let wrong = json!({ "t-0": 7 });
    let wrong = two().done("operator", "unreadable", &wrong, &wrong).verdict().unwrap_err();
    assert!(wrong.contains("is not of the form"), "{wrong}");
}

#[test]
fn what_needs_no_last_look_is_judged_without_one() {
    let judged = |story: &Story| story.verdict().unwrap().judged;
    let silent = |story: &Story| -> Vec<&'static str> {
        judged(story).iter().filter(|one| one.silent.is_some()).map(|one| one.checker).collect()
    };
    let broken_off = two().assigned("reader").polled("reader", 0, &["1/1/1", "1/1/2"]);
    assert_eq!(
        (broken_off.found(), silent(&broken_off)),
        (NOBODY.to_vec(), vec!["I1-lost-record", "I16-stuck"])
    );
    let all = ["1/1/1", "1/1/2", "1/1/3"];
    let skipped = two().sent("1/1/3", 2).assigned("reader").polled("reader", 0, &all[..1]);
    assert_eq!(skipped.polled("reader", 2, &all[2..]).found(), ["I8-poll-skip"]);
    let other = two().assigned("reader").polled("reader", 0, &["1/1/2"]);
    assert!(other.found().contains(&"I2-inconsistent-offsets"));
    assert_eq!(Story::new().sent("2/1/1", 1).sent("2/1/2", 0).found(), ["I9-nonmonotonic-send"]);
    // A last look that was broken off tells no more.
    let mut open = two().listed("judge", "Latest", 2).assigned("judge").polled("judge", 0, &all[..1]);
    open.line("judge", "invoke", "poll", &json!([["poll"]]));
    assert_eq!((open.found(), silent(&open)), (NOBODY.to_vec(), vec!["I1-lost-record", "I16-stuck"]));
    let seen = two().judged(0, &["1/1/1", "1/1/2"]);
    assert!(silent(&seen).is_empty());
    // Nobody is stuck whose run was over before.
    assert_eq!(two().healed().assigned("reader").polled("reader", 0, &[]).found(), NOBODY);
}

#[test]
fn nothing_is_judged_where_nobody_can_tell() {
    let idle = Story::new().judged(0, &["1/1/1"]).verdict().unwrap_err();
    assert!(idle.contains("nothing is acknowledged"), "{idle}");
    let other = two().done("producer-1", "send", &json!("x"), &Value::Null).verdict().unwrap_err();
    assert!(other.contains("is not of the form"), "{other}");
}

#[test]
fn an_offset_with_two_values_and_invented_records_are_found() {
    let other = two().assigned("reader").polled("reader", 0, &["1/1/2"]).judged(0, &["1/1/1", "1/1/2"]);
    assert!(other.found().contains(&"I2-inconsistent-offsets"));
    assert_eq!(two().judged(0, &["1/1/1", "1/1/2", "9/1/1"]).found(), ["I2-invented-record"]);
    // A record that was refused for good was never sent.
    let mut refused = two();
    refused.line("producer-2", "invoke", "send", &json!([["send", "t-0", "2/1/1"]]));
    refused.line("producer-2", "fail", "send", &json!([["send", "t-0", [null, "2/1/1"]]]));
    assert_eq!(refused.judged(0, &["1/1/1", "1/1/2", "2/1/1"]).found(), ["I2-invented-record"]);
}

#[test]
fn duplicates_of_an_idempotent_producer_are_found_and_those_of_others_are_none() {
    assert_eq!(two().judged(0, &["1/1/1", "1/1/2", "1/1/1"]).found(), ["I3-duplicate"]);
    let plain = two().sent("2/1/1", 2).judged(0, &["1/1/1", "1/1/2", "2/1/1", "2/1/1"]);
    assert_eq!(plain.found(), NOBODY);
    // OUT_OF_ORDER_SEQUENCE_NUMBER, though all before it was acknowledged.
    let refused = two().open("1/1/3", Some(45)).judged(0, &["1/1/1", "1/1/2"]);
    assert_eq!(refused.found(), ["I3-repetition-refused"]);
}

#[test]
fn polls_that_skip_or_go_back_are_found() {
    let all = ["1/1/1", "1/1/2", "2/1/1"];
    let story = || two().sent("2/1/1", 2).assigned("reader").polled("reader", 0, &all[..1]);
    assert_eq!(story().polled("reader", 1, &all[1..]).judged(0, &all).found(), NOBODY);
    assert_eq!(story().polled("reader", 2, &all[2..]).judged(0, &all).found(), ["I8-poll-skip"]);
    assert_eq!(story().polled("reader", 0, &all[..1]).judged(0, &all).found(), ["I8-poll-skip"]);
    assert_eq!(story().assigned("reader").polled("reader", 0, &all).judged(0, &all).found(), NOBODY);
}

#[test]
fn an_offset_without_a_record_may_be_passed_over() {
    // A change of voters took offset 1.
    let story = Story::new().sent("1/1/1", 0).sent("1/1/2", 2).subscribed("member-1");
    let story = story.polled("member-1", 0, &["1/1/1"]).commits("member-1", 2).committed_is(Some(2));
    let story = story.polled("member-1", 2, &["1/1/2"]).commits("member-1", 3);
    // And another one the last.
    let story = story.listed("judge", "Earliest", 0).listed("judge", "Latest", 4).assigned("judge");
    let story = story.polled("judge", 0, &["1/1/1"]).polled("judge", 2, &["1/1/2"]);
    assert_eq!(story.found(), NOBODY);
}

#[test]
fn offsets_that_are_not_real_are_found() {
    let out_of_order = Story::new().sent("2/1/1", 1).sent("2/1/2", 0).judged(0, &["2/1/2", "2/1/1"]);
    assert_eq!(out_of_order.found(), ["I9-nonmonotonic-send"]);
    let negative = two().sent("2/1/1", -1).judged(0, &["1/1/1", "1/1/2", "2/1/1"]);
    assert_eq!(negative.found(), ["I10-offset-not-real"]);
    let ends = |one, other| two().listed("lister", "Latest", one).listed("lister", "Latest", other);
    assert_eq!(ends(2, 3).judged(0, &["1/1/1", "1/1/2", "2/1/9"]).found(), ["I2-invented-record"]);
    assert_eq!(ends(2, 1).judged(0, &["1/1/1", "1/1/2"]).found(), ["I10-offset-not-real"]);
    let begins = two().listed("lister", "Earliest", 1);
    assert_eq!(begins.judged(0, &["1/1/1", "1/1/2"]).found(), ["I13-begins-too-late"]);
    let asked = two().done("admin", "delete-records", &json!({ "t-0": 1 }), &Value::Null);
    assert_eq!(asked.listed("lister", "Earliest", 1).judged(1, &["1/1/2"]).found(), NOBODY);
}

#[test]
fn commits_that_are_lost_or_run_ahead_are_found() {
    let all = ["1/1/1", "1/1/2"];
    let story = || two().subscribed("member-1").polled("member-1", 0, &all[..1]);
    let one = || story().commits("member-1", 1);
    assert_eq!(one().committed_is(None).judged(0, &all).found(), ["I11-commit-lost"]);
    assert_eq!(one().committed_is(Some(0)).judged(0, &all).found(), ["I11-commit-lost"]);
    assert_eq!(story().commits("member-1", 2).judged(0, &all).found(), ["I26-commit-ahead-of-delivery"]);
    let resumed = |from: usize| {
        one().subscribed("member-2").polled("member-2", i64::try_from(from).unwrap(), &all[from..])
    };
    assert_eq!(resumed(1).judged(0, &all).found(), NOBODY);
    assert_eq!(resumed(0).judged(0, &all).found(), ["I26-resumed-behind-commit"]);
    let ahead = two().subscribed("member-1").polled("member-1", 1, &all[1..]);
    assert_eq!(ahead.judged(0, &all).found(), ["I26-resumed-ahead-of-delivery"]);
    let foreign = story().commits(ADMINISTRATOR, 2).committed_is(Some(2)).judged(0, &all);
    assert_eq!(foreign.found(), NOBODY);
}

#[test]
fn generations_and_producer_ids_that_are_given_twice_are_found() {
    let joins = |told: &str| {
        let told = json!({ "generation": 1, "assignment": told });
        two()
            .done("worker-1", "join", &json!("a"), &json!({ "generation": 1, "assignment": "x" }))
            .done("worker-2", "join", &json!("b"), &told)
            .judged(0, &["1/1/1", "1/1/2"])
    };
    assert_eq!((joins("x").found(), joins("y").found()), (vec![], vec!["I11-generation-twice"]));
    let ids = two().done("ids", "init-producer-id", &Value::Null, &json!([7, 0]));
    let twice = ids.done("ids", "init-producer-id", &Value::Null, &json!([7, 0]));
    assert_eq!(twice.judged(0, &["1/1/1", "1/1/2"]).found(), ["I11-producer-id-twice"]);
}

#[test]
fn those_that_a_heal_names_get_on_and_nobody_else_must() {
    let healed = |names: &Value| {
        let story = Story::new().sent("1/1/1", 0).open("2/1/1", None).done("faults", "heal", names, names);
        story.judged(0, &["1/1/1"])
    };
    assert_eq!(healed(&json!([])).found(), NOBODY);
    assert_eq!(healed(&json!(["producer-1"])).found(), ["I16-stuck"], "that was before");
    assert!(healed(&json!(7)).verdict().unwrap_err().contains("[client, …] or null"));
    // What was under way then is something that was done.
    let mut story = Story::new().sent("1/1/1", 0);
    story.line("producer-1", "invoke", "send", &json!([["send", "t-0", "1/1/2"]]));
    let names = json!(["producer-1"]);
    let mut story = story.done("faults", "heal", &names, &names);
    story.line("producer-1", "ok", "send", &json!([["send", "t-0", [1, "1/1/2"]]]));
    assert_eq!(story.judged(0, &["1/1/1", "1/1/2"]).found(), NOBODY);
}

#[test]
fn what_came_before_an_older_disk_is_judged_if_somebody_has_looked() {
    let all = ["1/1/1", "1/1/2"];
    let restored =
        |story: Story| story.done("operator", "restore-image", &json!(1), &json!(1)).judged(0, &all[..1]);
    assert_eq!(restored(two().judged(0, &all)).found(), NOBODY, "the older disk holds less");
    assert_eq!(restored(two().judged(0, &all[..1])).found(), ["I1-lost-record", "I10-offset-not-real"]);
    assert!(restored(two()).verdict().unwrap_err().contains("nobody had taken a last look"));
}

#[test]
fn whoever_gets_nowhere_once_all_is_healed_is_found() {
    let all = ["1/1/1", "1/1/2"];
    let healed = || Story::new().sent("1/1/1", 0).assigned("reader").polled("reader", 0, &all[..1]).healed();
    let stuck = healed().sent("1/1/2", 1).polled("reader", 1, &[]).judged(0, &all);
    let found = stuck.verdict().unwrap().judged.into_iter().find_map(|judged| judged.found).unwrap();
    assert!(found.ends_with("of what reader began"), "{found}");
    let closed = Story::new().sent("1/1/1", 0).assigned("reader").polled("reader", 0, &all[..1]);
    let closed = closed.done("reader", "close", &Value::Null, &Value::Null).healed();
    assert_eq!(closed.sent("1/1/2", 1).judged(0, &all).found(), NOBODY);
    assert_eq!(healed().sent("1/1/2", 1).polled("reader", 1, &all[1..]).judged(0, &all).found(), NOBODY);
}
