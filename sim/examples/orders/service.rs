//! The service: it reads `orders` as a member of a group, and writes for each a shipment to `shipments`, with
//! the order's number as the key, so that the warehouse takes the first shipment of each order and leaves the
//! others.
use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use ordain::client::admin::OffsetSpec;
use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};
use ordain::client::group::GroupOptions;
use ordain::client::producer::{Producer, ProducerOptions, ProducerRecord};
use ordain::client::{ClientError, TopicPartition};
use ordain_sim::Application;
use ordain_sim::application::{Host, Observation};

/// When the service commits how far it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commit {
    /// As soon as orders have been read, before they are shipped: what auto-commit does to a service that hands
    /// its records to others. If the process dies in between, nobody ships them.
    WithThePoll,
    /// Once the broker has acknowledged their shipments: an order may be shipped twice, which the key tells.
    AfterShipping,
}

const ORDERS: &str = "orders";
const SHIPMENTS: &str = "shipments";
/// What a customer says once the broker has acknowledged an order.
const ORDERED: &str = "ordered ";

/// Customers, the service, and what the shop promises: who has been told that the order is taken gets it.
#[must_use]
pub fn scenario(name: &'static str, commit: Commit) -> Application {
    let about = match commit {
        Commit::WithThePoll => "orders become shipments, but the service commits too early: seeds must fail",
        Commit::AfterShipping => "orders become shipments, whatever happens to the service and the broker",
    };
    Application::new(name, about)
        .topic(ORDERS, 2)
        .topic(SHIPMENTS, 1)
        .client("customer", order)
        .process("service", move |host| serve(host, commit))
        .lasts(Duration::from_secs(3), Duration::from_secs(15))
        .check(every_order_is_shipped)
}

fn producer(host: &Host, name: &str) -> Producer {
    let options = ProducerOptions { delivery_timeout: Duration::from_secs(20), ..ProducerOptions::default() };
    Producer::start(&host.client(name), options)
}

async fn send(producer: &Producer, topic: &str, key: &[u8]) -> Result<(), ClientError> {
    let record = ProducerRecord {
        topic,
        partition: None,
        timestamp: None,
        key: Some(key),
        value: Some(b"one book"),
        headers: &[],
    };
    producer.send(record).await?.wait().await.map(drop)
}

/// A customer: orders now and then, and remembers what was acknowledged.
async fn order(host: Host) {
    let mut rng = host.io().rng.stream("customer");
    let mut orders = producer(&host, "customer");
    let mut number = 0;
    while host.goes_on() {
        number += 1;
        let key = number.to_string();
        match send(&orders, ORDERS, key.as_bytes()).await {
            Ok(()) => host.observe(format_args!("{ORDERED}{key}")),
            // Nobody was told anything: the customer may get it or not.
            Err(_) => orders = producer(&host, "customer"),
        }
        host.io().clock.sleep(Duration::from_millis(10 + rng.below(100))).await;
    }
}

/// The service, from one start to its death.
async fn serve(host: Host, commit: Commit) {
    loop {
        if let Err(error) = ship_orders(&host, commit).await {
            host.observe(format_args!("trouble: {error}"));
        }
        host.io().clock.sleep(Duration::from_millis(200)).await;
    }
}

async fn ship_orders(host: &Host, commit: Commit) -> Result<(), ClientError> {
    let client = host.client("service");
    let group = GroupOptions {
        session_timeout: Duration::from_secs(3),
        rebalance_timeout: Duration::from_secs(4),
        heartbeat_interval: Duration::from_millis(700),
        ..GroupOptions::new("service", vec![ORDERS.to_owned()])
    };
    let options = ConsumerOptions { offset_reset: OffsetReset::Earliest, ..ConsumerOptions::default() };
    let mut consumer = Consumer::subscribe(&client, options, group);
    let shipments = producer(host, "service");
    loop {
        let fetched = consumer.poll(Duration::from_millis(500)).await?;
        if commit == Commit::WithThePoll && !fetched.is_empty() {
            consumer.commit().await?;
        }
        for fetch in &fetched {
            for order in fetch.records()? {
                send(&shipments, SHIPMENTS, &order.key.unwrap_or_default()).await?;
            }
        }
        if commit == Commit::AfterShipping && !fetched.is_empty() {
            consumer.commit().await?;
        }
    }
}

/// Every order that a customer was told is taken has a shipment.
async fn every_order_is_shipped(host: Host, seen: Vec<Observation>) -> Result<(), String> {
    let shipped = shipments(&host).await.map_err(|error| format!("the shipments cannot be read: {error}"))?;
    for observation in &seen {
        if let Some(order) = observation.what.strip_prefix(ORDERED)
            && !shipped.contains(order.as_bytes())
        {
            return Err(format!("order {order} was taken at {}, and nobody ships it", observation.time));
        }
    }
    Ok(())
}

/// The orders that have a shipment.
async fn shipments(host: &Host) -> Result<BTreeSet<Bytes>, ClientError> {
    let client = host.client("check");
    let at = TopicPartition::new(SHIPMENTS, 0);
    let ends = client.list_offsets_at(std::slice::from_ref(&at), OffsetSpec::Latest).await?;
    let options = ConsumerOptions { offset_reset: OffsetReset::Earliest, ..ConsumerOptions::default() };
    let mut consumer = Consumer::assign(&client, options, [(at.clone(), None)].into());
    let mut shipped = BTreeSet::new();
    while consumer.positions().get(&at).is_none_or(|next| *next < ends[&at].offset) {
        for fetch in consumer.poll(Duration::from_secs(1)).await? {
            shipped.extend(fetch.records()?.into_iter().filter_map(|record| record.key));
        }
    }
    Ok(shipped)
}
