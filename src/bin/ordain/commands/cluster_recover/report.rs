//! What surveys and plans say to people: what goes on where, what of it is lost for certain, and what may be.
use std::collections::BTreeMap;

use ordain::server::recovery::{Choice, Gone, Offsets, Plan, Survey, SurveyedLog, Unnamed};

use crate::failure::Failure;
use crate::output;

/// Of a list that may be long, so many are printed; the file has all.
const LISTED_MAX: usize = 50;

const HEADER: [&str; 7] = [
    "PARTITION",
    "GOES ON AT",
    "KEEPS",
    "COMMITTED AT LEAST",
    "LOST FOR CERTAIN",
    "MAY BE LOST",
    "LOST VOTERS",
];

/// Why no plan is written.
pub const METADATA_GONE: &str = "nobody can go on with the cluster's metadata, and without them no node serves anything, whatever is left of partitions: no plan was written. \
     Keep all data directories as they are. Survey every node whose data directory is there; else restore the metadata of one (in its data directory, \
     metadata/ and the directory of the metadata log) from a copy of its disk, survey it, and plan anew";

/// What a survey found, and what it could not find out.
pub fn show_survey(survey: &Survey) -> Result<(), Failure> {
    for line in of_survey(survey) {
        output::line(line)?;
    }
    Ok(())
}

fn of_survey(survey: &Survey) -> Vec<String> {
    let mut lines = vec![format!(
        "Node {} of cluster {} holds {} and knows the cluster's metadata up to offset {}.",
        survey.node,
        survey.cluster,
        output::plural(survey.logs.len(), "log"),
        survey.metadata_end
    )];
    if let Some(damage) = &survey.metadata_damage {
        lines.push(format!(
            "WARNING: the metadata here cannot be read beyond that: {damage}. What this node holds of partitions is in the survey all the same. The \
             cluster's metadata have to come from another node: survey all that are left."
        ));
    }
    let damaged: Vec<String> =
        survey.damaged().map(|(log, what)| format!("{}: {what}", log.name())).collect();
    if !damaged.is_empty() {
        let what = output::plural(damaged.len(), "log");
        lines.push(format!("WARNING: {what} on this disk lost something, and cannot go on here:"));
        lines.extend(listed(damaged));
    }
    let unnamed: Vec<String> = survey.unnamed().map(SurveyedLog::name).collect();
    if !unnamed.is_empty() {
        let what = output::plural(unnamed.len(), "log");
        lines.push(format!(
            "WARNING: the metadata here do not name the topics of {what}: these were deleted, or the metadata are too old to know them. The survey \
             has them by the topic's id; the plan looks for their names in the other surveys:"
        ));
        lines.extend(listed(unnamed));
    }
    lines
}

/// Says which partitions go on where, and what of each is lost.
pub fn show_plan(plan: &Plan) -> Result<(), Failure> {
    for line in of_metadata(plan) {
        output::line(line)?;
    }
    if plan.chosen.is_empty() && plan.gone.is_empty() {
        output::line(
            "Every partition, and the metadata, still has its majority: start the surviving nodes, there is nothing to recover.",
        )?;
    } else {
        let mut table = output::table(&HEADER);
        table.add_rows(plan.chosen.iter().map(of_choice));
        table.add_rows(plan.gone.iter().map(of_gone));
        output::print_table(&table)?;
    }
    for line in summary(plan).into_iter().chain(notes(plan)).chain(of_unnamed(plan)) {
        output::line(line)?;
    }
    Ok(())
}

/// Whose metadata cannot be read.
fn of_metadata(plan: &Plan) -> Vec<String> {
    let Plan { unreadable_metadata: unreadable, directories, .. } = plan;
    let is_none_readable = unreadable.len() == directories.len();
    let way_out = if is_none_readable { "" } else { ". Once it runs, it gets them from the nodes that can" };
    let told = unreadable
        .iter()
        .map(|(node, why)| format!("WARNING: node {node} cannot read all of its metadata: {why}{way_out}."));
    let mut lines: Vec<String> = told.collect();
    if is_none_readable && !unreadable.is_empty() {
        lines.push(
            "WARNING: no surveyed node can read all of the metadata. Nodes and topics are told as far as the metadata that reach furthest go: others may be missing here."
                .to_owned(),
        );
    }
    lines
}

fn of_choice(choice: &Choice) -> [String; 7] {
    let voters: Vec<String> = choice.lost_voters.iter().map(ToString::to_string).collect();
    let behind = format!("all from {} on", choice.log_end.max(choice.committed));
    let doubtful = match choice.before_start {
        Some(before) => format!("{}; {behind}", range(before)),
        None => behind,
    };
    [
        choice.name(),
        format!("node {}", choice.node),
        Offsets::between(choice.log_start, choice.log_end).map_or_else(|| "nothing".to_owned(), range),
        committed(choice.committed),
        certain(choice.lost),
        doubtful,
        voters.join(", "),
    ]
}

fn of_gone(gone: &Gone) -> [String; 7] {
    [
        gone.name(),
        "nowhere".to_owned(),
        "nothing".to_owned(),
        committed(gone.committed.unwrap_or(0)),
        if gone.lost.is_some() { certain(gone.lost) } else { "all, how much is unknown".to_owned() },
        "everything".to_owned(),
        String::new(),
    ]
}

fn range(offsets: Offsets) -> String {
    format!("{} to {}", offsets.first, offsets.last)
}

fn committed(end: i64) -> String {
    if end > 0 { format!("up to {}", end - 1) } else { "unknown".to_owned() }
}

fn certain(lost: Option<Offsets>) -> String {
    lost.map_or_else(
        || "none known".to_owned(),
        |lost| format!("{} ({})", range(lost), output::count(lost.count())),
    )
}

/// How many partitions fare how, how much is lost, and how sure that is.
fn summary(plan: &Plan) -> Vec<String> {
    if plan.chosen.is_empty() && plan.gone.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "Logs: {} lost their majority and go on, {} lost it and are gone, {} have it still and lose nothing.",
        plan.chosen.len(),
        plan.gone.len(),
        plan.standing
    )];
    let lost: Vec<Offsets> = plan
        .chosen
        .iter()
        .map(|one| one.lost)
        .chain(plan.gone.iter().map(|one| one.lost))
        .flatten()
        .collect();
    let offsets: i64 = lost.iter().map(|lost| lost.count()).sum();
    lines.push(match lost.len() {
        0 => "No offset is known to be lost for certain.".to_owned(),
        logs => format!(
            "Lost for certain: {} of {}.",
            output::plural(usize::try_from(offsets).unwrap_or(0), "offset"),
            output::plural(logs, "log")
        ),
    });
    let unknown = plan.gone.iter().filter(|one| one.lost.is_none()).count();
    if unknown > 0 {
        let logs = output::plural(unknown, "log");
        lines.push(format!("Lost as a whole: {logs} of which no survey tells how far they were committed."));
    }
    if plan.chosen.is_empty() {
        return lines;
    }
    lines.push(
        "What is known as committed is as old as the last checkpoint: more may have been. Up to there nothing is lost but what stands under LOST FOR \
         CERTAIN. What is kept behind it is what was acknowledged, unless its node had missed an election: then other records may have stood there."
            .to_owned(),
    );
    lines.push(
        "Where the loss ends nobody can tell: what was acknowledged behind the kept end stood on the lost nodes alone."
            .to_owned(),
    );
    lines
}

/// What is to be said of single partitions.
fn notes(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for choice in &plan.chosen {
        let name = choice.name();
        let others = choice.lost.and_then(|lost| Offsets::between(lost.first, choice.log_end));
        if let Some(others) = others {
            lines.push(format!(
                "{name}: at offsets {} node {} has other records than those that were committed. They take the place of what is lost.",
                range(others),
                choice.node
            ));
        }
        if let Some(before) = choice.before_start {
            lines.push(format!(
                "{name}: offsets {} come before what node {} keeps, and another survivor still has them. Either they were deleted (by retention or by a \
                 client), or they are lost with this choice: they go when the nodes start.",
                range(before),
                choice.node
            ));
        }
    }
    let mut only: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for choice in &plan.chosen {
        if let Some(node) = choice.named_only_by {
            only.entry(node).or_default().push(choice.name());
        }
    }
    for (node, names) in only {
        lines.push(format!(
            "WARNING: only the metadata of node {node} name {}, those that go on do not: either they were deleted, or the metadata that knew them are \
             lost. Nodes remove them when they start. If one may be needed, copy the data directories of the nodes that hold it before:",
            output::plural(names.len(), "log")
        ));
        lines.extend(listed(names));
    }
    if plan.gone.iter().any(|gone| !gone.is_metadata()) {
        lines.push(
            "Of what goes on nowhere no survivor has a sound log: once the nodes run, delete these topics and create them anew."
                .to_owned(),
        );
    }
    lines
}

fn of_unnamed(plan: &Plan) -> Vec<String> {
    let unnamed: &[Unnamed] = &plan.unnamed;
    if unnamed.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "WARNING: {} deleted or unknown: no metadata name what is in them. The plan does nothing about them, and nodes remove them when they start. If \
         one may be needed, copy the data directories of the nodes that hold it before:",
        match unnamed.len() {
            1 => "1 log is".to_owned(),
            many => format!("{} are", output::plural(many, "log")),
        }
    )];
    let told = unnamed.iter().map(|one| {
        let nodes: Vec<String> = one.nodes.iter().map(ToString::to_string).collect();
        let on = if nodes.len() == 1 { "node" } else { "nodes" };
        let held = Offsets::between(one.log_start, one.log_end);
        let held = held.map_or_else(|| "no offsets".to_owned(), |held| format!("offsets {}", range(held)));
        format!("{} on {on} {}: {held}", one.name(), nodes.join(", "))
    });
    lines.extend(listed(told.collect()));
    lines
}

fn listed(all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(LISTED_MAX);
    let mut lines: Vec<String> = all.into_iter().take(LISTED_MAX).map(|one| format!("  {one}")).collect();
    if more > 0 {
        lines.push(format!("  and {more} more, which the file names"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice() -> Choice {
        Choice {
            topic: "t".to_owned(),
            topic_id: "id".to_owned(),
            partition: 0,
            node: 1,
            lost_voters: vec![2, 3],
            epoch: 1_004,
            log_start: 0,
            log_end: 100,
            committed: 88,
            lost: None,
            before_start: None,
            named_only_by: None,
            entry: 5,
        }
    }

    fn plan(chosen: Vec<Choice>) -> Plan {
        Plan {
            cluster: "c".to_owned(),
            lost: vec![2, 3],
            directories: BTreeMap::from([(1, "d".to_owned())]),
            unreadable_metadata: BTreeMap::new(),
            chosen,
            gone: Vec::new(),
            unnamed: Vec::new(),
            standing: 4,
        }
    }

    #[test]
    fn a_row_tells_what_is_kept_what_is_lost_and_what_may_be() {
        let row = of_choice(&choice());
        assert_eq!(row, ["t-0", "node 1", "0 to 99", "up to 87", "none known", "all from 100 on", "2, 3"]);
        let lost = Some(Offsets { first: 80, last: 1_119 });
        let before_start = Some(Offsets { first: 0, last: 29 });
        let row = of_choice(&Choice { log_start: 30, committed: 1_120, lost, before_start, ..choice() });
        let told = ["30 to 99", "up to 1119", "80 to 1119 (1,040)", "0 to 29; all from 1120 on"];
        assert_eq!(row[2..6], told);
        let empty = of_choice(&Choice { log_end: 0, committed: 0, ..choice() });
        assert_eq!(empty[2..6], ["nothing", "unknown", "none known", "all from 0 on"]);
        let gone = Gone {
            topic: "g".to_owned(),
            topic_id: "id".to_owned(),
            partition: 1,
            committed: Some(88),
            lost: Offsets::between(0, 88),
        };
        let row = of_gone(&gone);
        assert_eq!(row[..6], ["g-1", "nowhere", "nothing", "up to 87", "0 to 87 (88)", "everything"]);
        let unknown = Gone { committed: None, lost: None, ..gone };
        let row = of_gone(&unknown);
        assert_eq!(row[3..6], ["unknown", "all, how much is unknown", "everything"]);
        let lines = summary(&Plan { gone: vec![unknown], ..plan(Vec::new()) });
        assert_eq!(lines[2], "Lost as a whole: 1 log of which no survey tells how far they were committed.");
    }

    #[test]
    fn what_is_lost_for_certain_is_counted() {
        let lost = |first, last| Choice { lost: Some(Offsets { first, last }), ..choice() };
        let lines = summary(&plan(vec![lost(90, 109), lost(100, 100), choice()]));
        assert_eq!(
            lines[0],
            "Logs: 3 lost their majority and go on, 0 lost it and are gone, 4 have it still and lose nothing."
        );
        assert_eq!(lines[1], "Lost for certain: 21 offsets of 2 logs.");
        assert_eq!(summary(&plan(vec![choice()]))[1], "No offset is known to be lost for certain.");
        assert!(summary(&plan(Vec::new())).is_empty());
        let notes = notes(&plan(vec![lost(90, 109), lost(100, 100)]));
        assert_eq!(notes.len(), 1, "only the first one has other records there: {notes:?}");
        assert!(notes[0].starts_with("t-0: at offsets 90 to 99 node 1 has other records"), "{notes:?}");
    }

    #[test]
    fn what_the_metadata_do_not_name_is_loud() {
        let unnamed = |partition| Unnamed {
            topic: None,
            topic_id: "id".to_owned(),
            partition,
            nodes: vec![1, 2],
            log_start: 0,
            log_end: 90,
        };
        let lines = of_unnamed(&Plan { unnamed: (0..60).map(unnamed).collect(), ..plan(Vec::new()) });
        assert!(lines[0].starts_with("WARNING: 60 logs are deleted or unknown"), "{}", lines[0]);
        assert_eq!(lines[1], "  id-0 on nodes 1, 2: offsets 0 to 89");
        assert_eq!((lines.len(), &*lines[51]), (52, "  and 10 more, which the file names"));
        assert!(of_unnamed(&plan(Vec::new())).is_empty());
        let lines = notes(&plan(vec![Choice { named_only_by: Some(2), ..choice() }]));
        assert!(lines[0].starts_with("WARNING: only the metadata of node 2 name 1 log"), "{lines:?}");
        assert_eq!(lines[1], "  t-0");
        let blind = Plan { unreadable_metadata: BTreeMap::from([(1, "why".to_owned())]), ..plan(Vec::new()) };
        let lines = of_metadata(&blind);
        assert!(lines[0].contains("node 1 cannot read all of its metadata: why"), "{lines:?}");
        assert!(lines[1].contains("no surveyed node"), "{lines:?}");
    }

    #[test]
    fn a_survey_says_what_it_could_not_read() {
        let text = r#"{"cluster":"c","node":1,"directory":"d","metadata_end":9,"metadata_damage":"a block","assigned":[],
            "logs":[{"topic":null,"topic_id":"i","partition":4,"replica":{"node":1,"directory":"d"},"voters":[],"seen_epoch":1,
                     "last_epoch":1,"log_start":0,"log_end":5,"committed":3,"damage":"a file","entry":4}]}"#;
        let lines = of_survey(&serde_json::from_str(text).expect("a survey"));
        assert_eq!(
            lines[0],
            "Node 1 of cluster c holds 1 log and knows the cluster's metadata up to offset 9."
        );
        assert!(
            lines[1].starts_with("WARNING: the metadata here cannot be read beyond that: a block."),
            "{}",
            lines[1]
        );
        assert!(lines[2].starts_with("WARNING: 1 log on this disk lost something"), "{}", lines[2]);
        assert_eq!(lines[3], "  i-4: a file");
        assert!(
            lines[4].starts_with("WARNING: the metadata here do not name the topics of 1 log"),
            "{}",
            lines[4]
        );
        assert_eq!((lines.len(), &*lines[5]), (6, "  i-4"));
    }
}
