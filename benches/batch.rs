//! What a produced batch costs: its CRC (against the other crate that was measured), its validation per codec,
//! reading and building it.
use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordain::types::Timestamp;
use ordain::wire::batch::{
    BatchBuilder, BatchKind, BatchOptions, KeyRule, NewRecord, ProduceRules, ProducerStamp, TimestampLimits,
    TimestampRule, crc32c, validate_produced,
};
use ordain::wire::compression::Codec;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const BOUND_BYTES: usize = 16 << 20;

/// About 1 MiB of records of some 100 bytes, half of them compressible.
fn batch(codec: Codec) -> Bytes {
    let options =
        BatchOptions { codec, producer: ProducerStamp::NONE, kind: BatchKind::Data, bytes_max: 1 << 20 };
    let mut builder = BatchBuilder::new(options);
    let mut noise = 1u64;
    loop {
        let mut value = *b"the same text in every record, then noise ...................................";
        for byte in &mut value[42..] {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (noise >> 56) as u8;
        }
        let key = builder.record_count().to_be_bytes();
        let record = NewRecord { timestamp: NOW, key: Some(&key), value: Some(&value), headers: &[] };
        if builder.append(record).is_err() {
            return builder.build().batch().to_bytes();
        }
    }
}

fn crc(c: &mut Criterion) {
    let mut group = c.benchmark_group("crc32c");
    for bytes in [1 << 10, 16 << 10, 1 << 20] {
        let data: Vec<u8> = (0..bytes).map(|i: usize| (i * 31 + 7) as u8).collect();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("crc-fast/{bytes}"), |b| b.iter(|| crc32c(black_box(&data))));
        group.bench_function(format!("crc32c/{bytes}"), |b| b.iter(|| crc32c::crc32c(black_box(&data))));
    }
    group.finish();
}

fn validate(c: &mut Criterion) {
    let rules = ProduceRules {
        produce_version: 12,
        batch_bytes_max: BOUND_BYTES,
        decompressed_bytes_max: BOUND_BYTES,
        keys: KeyRule::Required,
        timestamps: TimestampRule::CreateTime(TimestampLimits::NONE),
    };
    let mut group = c.benchmark_group("validate");
    for codec in Codec::ALL {
        let sent = batch(codec);
        group.throughput(Throughput::Bytes(1 << 20));
        group.bench_function(codec.name(), |b| {
            b.iter(|| validate_produced(black_box(&sent), &rules, NOW).expect("valid"));
        });
    }
    group.finish();
}

fn read_and_build(c: &mut Criterion) {
    let rules = ProduceRules {
        produce_version: 12,
        batch_bytes_max: BOUND_BYTES,
        decompressed_bytes_max: BOUND_BYTES,
        keys: KeyRule::Optional,
        timestamps: TimestampRule::CreateTime(TimestampLimits::NONE),
    };
    let mut group = c.benchmark_group("records");
    group.throughput(Throughput::Bytes(1 << 20));
    let plain = validate_produced(&batch(Codec::None), &rules, NOW).expect("valid").into_batch();
    group.bench_function("read/none", |b| {
        b.iter(|| plain.records(BOUND_BYTES).expect("opens").filter(Result::is_ok).count());
    });
    for codec in Codec::ALL {
        group.bench_function(format!("build/{codec}"), |b| b.iter(|| batch(black_box(codec))));
    }
    group.finish();
}

criterion_group!(benches, crc, validate, read_and_build);
criterion_main!(benches);
