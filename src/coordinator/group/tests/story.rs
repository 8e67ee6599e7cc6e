//! Conversations as prose: clients act, and what the shard does is written down line by line.
use super::*;

/// A client as it remembers itself.
struct Client {
    name: &'static str,
    instance: Option<InstanceId>,
    member: MemberId,
    generation: i32,
    /// Members to assign to, while it is the leader.
    assigns_to: Vec<MemberId>,
}

/// Group `g`, and what is told of it. Member ids are shortened to the client's name and a number.
pub struct Story {
    pub bench: Bench,
    clients: Vec<Client>,
    asked: Vec<(RequestToken, &'static str)>,
    text: String,
}

impl Story {
    pub fn new(config: GroupConfig) -> Story {
        Story { bench: Bench::new(config), clients: Vec::new(), asked: Vec::new(), text: String::new() }
    }

    /// Introduces a client; `instance` makes it a static member.
    pub fn client(&mut self, name: &'static str, instance: Option<&str>) {
        self.clients.push(Client {
            name,
            instance: instance.map(InstanceId::from),
            member: MemberId::default(),
            generation: -1,
            assigns_to: Vec::new(),
        });
    }

    fn index(&self, name: &str) -> usize {
        self.clients.iter().position(|client| client.name == name).expect("a client of the story")
    }

    /// The client forgets who it was, as after a restart.
    pub fn restarts(&mut self, name: &'static str) {
        let index = self.index(name);
        self.clients[index].member = MemberId::default();
        self.clients[index].generation = -1;
        self.tell(&format!("{name} restarts"));
    }

    pub fn joins(&mut self, name: &'static str) {
        let index = self.index(name);
        let member = self.clients[index].member.clone();
        let mut command = join_group(&mut self.bench, "g", name, &member);
        command.group_instance_id = self.clients[index].instance.clone();
        self.act(name, "joins", GroupCommand::Join(command));
    }

    /// The leader gives every member one partition, in order.
    pub fn syncs(&mut self, name: &'static str) {
        let client = &self.clients[self.index(name)];
        let mut command = sync_group("g", &client.member, client.generation);
        command.group_instance_id = client.instance.clone();
        command.assignments = (client.assigns_to.iter().enumerate())
            .map(|(i, member)| (member.clone(), Bytes::from(format!("p{i}"))))
            .collect();
        self.act(name, "syncs", GroupCommand::Sync(command));
    }

    pub fn beats(&mut self, name: &'static str) {
        let client = &self.clients[self.index(name)];
        let command = Heartbeat {
            group_id: GroupId::from("g"),
            generation_id: client.generation,
            member_id: client.member.clone(),
            group_instance_id: client.instance.clone(),
        };
        self.act(name, "sends a heartbeat", GroupCommand::Heartbeat(command));
    }

    /// Lets time pass while these clients send heartbeats, which all get the same answer.
    pub fn time_passes_with_heartbeats(&mut self, seconds: u64, names: &[&'static str], answer: &str) {
        self.tell(&format!("{seconds} s pass with heartbeats of {}: {answer}", names.join(" and ")));
        let so_far = std::mem::take(&mut self.text);
        for _ in 0..seconds {
            self.time_passes(1000);
            names.iter().for_each(|name| self.beats(name));
        }
        let told = std::mem::replace(&mut self.text, so_far);
        let is_answer = |line: &&str| line.starts_with("    ") && !line.ends_with(answer);
        assert_eq!(told.lines().find(is_answer), None, "only {answer}");
        let timers = told.lines().filter(|line| line.starts_with("  at"));
        timers.for_each(|line| self.tell(line));
    }

    pub fn leaves(&mut self, name: &'static str) {
        let member = self.clients[self.index(name)].member.clone();
        self.act(name, "leaves", leave_group("g", &[&member]));
    }

    pub fn commits(&mut self, name: &'static str, offset: i64) {
        let client = &self.clients[self.index(name)];
        let command = OffsetCommit {
            generation_id: client.generation,
            member_id: client.member.clone(),
            group_instance_id: client.instance.clone(),
            ..simple_commit("g", "topic", offset)
        };
        self.act(name, "commits", GroupCommand::CommitOffsets(command));
    }

    pub fn writes_are_committed(&mut self) {
        self.tell("the writes are committed");
        let effects = self.bench.commit();
        self.tell_effects(&effects);
    }

    /// Lets time pass and tells of every timer that fires.
    pub fn time_passes(&mut self, ms: u64) {
        let end_ms = self.bench.now_ms + ms;
        self.tell(&format!("{ms} ms pass"));
        while let Some((at, timer)) = self.bench.shard.deadline() {
            let at_ms = at.0 / 1_000_000;
            if at_ms > end_ms {
                break;
            }
            self.bench.now_ms = at_ms;
            let effects = self.bench.step(GroupEvent::Timer(timer.clone()));
            self.text.push_str(&match timer {
                Timer::Session { member, .. } => format!("  at {at_ms}: session of {member}\n"),
                Timer::Join { .. } => format!("  at {at_ms}: joining\n"),
                Timer::Sync { .. } => format!("  at {at_ms}: syncing\n"),
                Timer::Expiration => format!("  at {at_ms}: expiration\n"),
            });
            self.tell_effects(&effects);
        }
        self.bench.now_ms = end_ms;
    }

    pub fn coordinator_moves(&mut self) {
        self.tell("another coordinator takes over");
        let effects = self.bench.reload();
        self.tell_effects(&effects);
    }

    fn act(&mut self, name: &'static str, verb: &str, command: GroupCommand) {
        self.tell(&format!("{name} {verb}"));
        let token = RequestToken(self.bench.tokens + 1);
        self.asked.push((token, name));
        let (_, effects) = self.bench.request(command);
        self.tell_effects(&effects);
    }

    fn tell(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn tell_effects(&mut self, effects: &[GroupEffect]) {
        for effect in effects {
            let line = match effect {
                Effect::Records { write, records } => {
                    let records: Vec<String> = records.iter().map(tell_record).collect();
                    format!("write {}: {}", write.0, records.join("; "))
                }
                Effect::Reply { token, response, after } => {
                    let name = self.asked.iter().find(|(t, _)| t == token).expect("it was asked").1;
                    let when = match after {
                        After::Now => String::new(),
                        After::Durable(write) => format!(" once {} is committed", write.0),
                    };
                    format!("{name}{when}: {}", self.tell_response(name, response))
                }
            };
            self.tell(&format!("    {line}"));
        }
    }

    fn tell_response(&mut self, name: &str, response: &GroupResponse) -> String {
        let index = self.index(name);
        let client = &mut self.clients[index];
        match response {
            GroupResponse::Join(JoinResult { member_id, outcome }) => match outcome {
                Ok(joined) => {
                    client.member = member_id.clone();
                    client.generation = joined.generation_id;
                    client.assigns_to = joined.members.iter().map(|m| m.member_id.clone()).collect();
                    let skip = if joined.skip_assignment { ", nothing to assign" } else { "" };
                    let role = match joined.members.len() {
                        0 => format!("led by {}", joined.leader),
                        _ => format!("to assign to {:?}", client.assigns_to).replace('"', ""),
                    };
                    format!("you are {member_id} in generation {}, {role}{skip}", joined.generation_id)
                }
                Err(error) => {
                    let is_given = *error == GroupError::MemberIdRequired;
                    client.member = if is_given { member_id.clone() } else { MemberId::default() };
                    format!("{error:?} for {:?}", member_id.as_str())
                }
            },
            GroupResponse::Sync(Ok(synced)) => {
                format!("assigned {:?}", String::from_utf8_lossy(&synced.assignment))
            }
            GroupResponse::Sync(Err(error)) | GroupResponse::Heartbeat(Err(error)) => format!("{error:?}"),
            GroupResponse::Heartbeat(Ok(())) => "fine".to_string(),
            GroupResponse::Leave(Ok(left)) => match &left[0].error {
                Some(error) => format!("{error:?}"),
                None => "left".to_string(),
            },
            GroupResponse::CommitOffsets(Ok(_)) => "committed".to_string(),
            GroupResponse::CommitOffsets(Err(error)) => format!("{error:?}"),
            other => format!("{other:?}"),
        }
    }

    /// The whole story; member ids without the constant part of their random bytes.
    pub fn text(&self) -> String {
        let mut text = self.text.replace("-0000-4000-8000-000000000000", "");
        for zeros in 1..8 {
            text = text.replace(&format!("-{}", "0".repeat(8 - zeros)), "#");
        }
        while text.contains("#0") {
            text = text.replace("#0", "#");
        }
        text
    }
}

fn tell_record(record: &GroupRecord) -> String {
    match record {
        GroupRecord::GroupMetadata { value: None, .. } => "the group is gone".to_string(),
        GroupRecord::GroupMetadata { value: Some(group), .. } => {
            let members: Vec<String> = (group.members.iter())
                .map(|m| format!("{}={:?}", m.member_id, String::from_utf8_lossy(&m.assignment)))
                .collect();
            format!("generation {} [{}]", group.generation, members.join(" "))
        }
        GroupRecord::OffsetCommit { key, value: None } => {
            format!("{}[{}] is forgotten", key.topic, key.partition)
        }
        GroupRecord::OffsetCommit { key, value: Some(offset) } => {
            format!("{}[{}] at {}", key.topic, key.partition, offset.offset)
        }
    }
}
