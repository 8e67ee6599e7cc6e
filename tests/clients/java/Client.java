import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache Kafka's Java client against a broker: the phases of the harness. */
public final class Client {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int PARTITIONS = 4;
    private static final int PER_CODEC = 60;
    private static final long STEP_LIMIT_MS = 30_000;

    private final String bootstrap;
    private final Admin admin;

    private Client(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(settings());
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        Client client = new Client(options.get("--bootstrap"));
        Path acked = Path.of(options.get("--acked"));
        int count = Integer.parseInt(options.get("--kill-records"));
        switch (options.get("--phase")) {
            case "basic" -> client.basic();
            case "group" -> client.group();
            case "kill-producer" -> client.killProducer(acked, count);
            case "verify" -> client.verify(acked, count);
            default -> throw new IllegalArgumentException("unknown phase " + options.get("--phase"));
        }
        client.admin.close();
    }

    // --- phases ---------------------------------------------------------------------------------

    private void basic() {
        String topic = "basic-" + UUID.randomUUID();
        long base = System.currentTimeMillis() - 3_600_000;
        List<ProducerRecord<String, String>> sent = new ArrayList<>();
        check("create topic", () -> create(topic));
        for (String codec : CODECS) {
            List<ProducerRecord<String, String>> records = records(topic, codec, base, sent.size());
            check("produce " + codec, () -> produce(records,
                Map.of("compression.type", codec, "enable.idempotence", "false", "acks", "1")));
            sent.addAll(records);
        }
        List<ProducerRecord<String, String>> last = records(topic, "idempotent", base, sent.size());
        check("produce idempotent",
            () -> produce(last, Map.of("enable.idempotence", "true", "acks", "all")));
        sent.addAll(last);
        List<ConsumerRecord<String, String>> read = check("consume and compare", () -> {
            List<ConsumerRecord<String, String>> got = readAll(topic, sent.size(), Map.of());
            checkContents(got, sent);
            return got;
        });
        check("seek by time", () -> seekByTime(topic, read, base));
        check("delete records", () -> deleteRecords(topic, read));
        check("delete topic", () -> deleteTopic(topic));
    }

    private void group() throws Exception {
        String topic = "group-" + UUID.randomUUID();
        String name = "g-" + UUID.randomUUID();
        create(topic);
        produce(plain(topic, 0, 200), Map.of());
        KafkaConsumer<String, String> one = consumer(name);
        KafkaConsumer<String, String> two = consumer(name);
        check("group of two", () -> {
            one.subscribe(List.of(topic));
            two.subscribe(List.of(topic));
            // A member that polls blocks its rebalance on the other: each has its own thread.
            Member first = new Member(one);
            Member second = new Member(two);
            waitFor("both own two partitions and 200 records were read", () ->
                first.owned() == 2 && second.owned() == 2
                    && distinct(first.values, second.values) == 200);
            first.pause();
            second.pause();
            Set<TopicPartition> union = new HashSet<>(one.assignment());
            union.addAll(two.assignment());
            return same("partitions of both", union.size(), PARTITIONS);
        });
        check("member leaves", () -> {
            two.close();
            long deadline = System.currentTimeMillis() + STEP_LIMIT_MS;
            while (one.assignment().size() < PARTITIONS && System.currentTimeMillis() < deadline) {
                same("records nobody produced", one.poll(Duration.ofMillis(100)).count(), 0);
            }
            same("partitions of the one left", one.assignment().size(), PARTITIONS);
            produce(plain(topic, 200, 80), Map.of());
            return same("records of the one left", numbers(poll(one, 80)), range(200, 280));
        });
        check("commit and resume", () -> {
            one.commitSync();
            one.close();
            produce(plain(topic, 280, 40), Map.of());
            try (KafkaConsumer<String, String> again = consumer(name)) {
                again.subscribe(List.of(topic));
                return same("records after the commit", numbers(poll(again, 40)), range(280, 320));
            }
        });
    }

    private void killProducer(Path acked, int count) throws Exception {
        create("kill");
        check("produce through kill -9", () -> {
            AtomicInteger done = new AtomicInteger();
            ConcurrentLinkedQueue<Exception> errors = new ConcurrentLinkedQueue<>();
            Map<String, String> settings = Map.of("enable.idempotence", "true", "acks", "all",
                "linger.ms", "2", "delivery.timeout.ms", "60000", "request.timeout.ms", "5000",
                "reconnect.backoff.max.ms", "500");
            try (BufferedWriter file = Files.newBufferedWriter(acked);
                 KafkaProducer<String, String> producer = producer(settings)) {
                for (ProducerRecord<String, String> record : plain("kill", 0, count)) {
                    producer.send(record, (metadata, error) -> {
                        if (error != null) {
                            errors.add(error);
                            return;
                        }
                        try {
                            file.write(metadata.partition() + " " + metadata.offset() + " "
                                + record.key() + " " + record.value() + "\n");
                        } catch (java.io.IOException failure) {
                            errors.add(failure);
                        }
                        if (done.incrementAndGet() % 50 == 0) {
                            say("{\"acked\": " + done.get() + "}");
                        }
                    });
                    Thread.sleep(1);
                }
                producer.flush();
            }
            same("delivery errors", new ArrayList<>(errors), List.of());
            return same("acknowledged", done.get(), count);
        });
    }

    private void verify(Path acked, int count) {
        List<ConsumerRecord<String, String>> read = check("acknowledged records are there", () -> {
            int total = 0;
            try (KafkaConsumer<String, String> consumer = consumer("unused")) {
                for (long end : consumer.endOffsets(partitions("kill")).values()) {
                    total += (int) end;
                }
            }
            List<ConsumerRecord<String, String>> got = readAll("kill", total, Map.of());
            Set<String> found = new HashSet<>();
            got.forEach(r -> found.add(
                r.partition() + " " + r.offset() + " " + r.key() + " " + r.value()));
            List<String> lines = Files.readAllLines(acked);
            same("acknowledged records", lines.size(), count);
            lines.removeIf(found::contains);
            same("lost records", lines, List.of());
            return got;
        });
        check("order is kept", () -> {
            Map<String, Integer> last = new HashMap<>();
            for (ConsumerRecord<String, String> record : read) {
                int value = Integer.parseInt(record.value());
                Integer before = last.put(record.key(), value);
                same(record.key() + ": " + before + " before " + value,
                    before == null || before <= value, true);
            }
            return null;
        });
        check("each record once", () -> same("values", numbers(read), range(0, count)));
    }

    // --- steps ----------------------------------------------------------------------------------

    private Void create(String topic) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all()
            .get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS);
        waitFor("topic " + topic, () -> {
            try {
                return admin.describeTopics(List.of(topic)).allTopicNames()
                    .get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS)
                    .get(topic).partitions().size() == PARTITIONS;
            } catch (java.util.concurrent.ExecutionException notYet) {
                return false;
            }
        });
        return null;
    }

    private Void produce(List<ProducerRecord<String, String>> records, Map<String, String> with)
            throws Exception {
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(with)) {
            records.forEach(record -> futures.add(producer.send(record)));
            producer.flush();
        }
        Set<String> positions = new HashSet<>();
        for (Future<RecordMetadata> future : futures) {
            RecordMetadata metadata = future.get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS);
            positions.add(metadata.partition() + "@" + metadata.offset());
        }
        same("distinct positions", positions.size(), records.size());
        return null;
    }

    private Void seekByTime(String topic, List<ConsumerRecord<String, String>> read, long base) {
        long middle = base + PER_CODEC * CODECS.size() * 500L;
        Map<TopicPartition, Long> wanted = new HashMap<>();
        partitions(topic).forEach(partition -> wanted.put(partition, middle));
        List<ConsumerRecord<String, String>> late =
            read.stream().filter(record -> record.timestamp() >= middle).toList();
        Map<TopicPartition, Long> starts = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = consumer("unused")) {
            for (var found : consumer.offsetsForTimes(wanted).entrySet()) {
                long first = late.stream()
                    .filter(record -> record.partition() == found.getKey().partition())
                    .mapToLong(ConsumerRecord::offset).min().orElseThrow();
                OffsetAndTimestamp position = found.getValue();
                same("offset of " + found.getKey(), position.offset(), first);
                starts.put(found.getKey(), position.offset());
            }
        }
        List<ConsumerRecord<String, String>> again = readAll(topic, late.size(), starts);
        same("values after the time", values(again), values(late));
        return null;
    }

    private Void deleteRecords(String topic, List<ConsumerRecord<String, String>> read)
            throws Exception {
        TopicPartition target = new TopicPartition(topic, read.get(0).partition());
        long before = read.stream().filter(r -> r.partition() == target.partition()).count() / 2;
        long low = admin.deleteRecords(Map.of(target, RecordsToDelete.beforeOffset(before)))
            .lowWatermarks().get(target).get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS).lowWatermark();
        same("low watermark", low, before);
        long earliest = admin.listOffsets(Map.of(target, OffsetSpec.earliest()))
            .partitionResult(target).get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS).offset();
        same("earliest offset", earliest, before);
        List<ConsumerRecord<String, String>> left =
            readAll(topic, read.size() - (int) before, Map.of(target, before));
        same("values left", values(left), values(read.stream()
            .filter(r -> r.partition() != target.partition() || r.offset() >= before).toList()));
        return null;
    }

    private Void deleteTopic(String topic) throws Exception {
        admin.deleteTopics(List.of(topic)).all().get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS);
        waitFor(topic + " is no longer listed",
            () -> !admin.listTopics().names().get(STEP_LIMIT_MS, TimeUnit.MILLISECONDS)
                .contains(topic));
        return null;
    }

    /** A consumer on its own thread, which commits what it read after every poll. */
    private static final class Member implements Runnable {
        private final KafkaConsumer<String, String> consumer;
        private final Set<Integer> values = Collections.synchronizedSet(new TreeSet<>());
        private final Thread thread = new Thread(this, "member");
        private volatile int owned;
        private volatile boolean running = true;
        private volatile RuntimeException failure;

        private Member(KafkaConsumer<String, String> consumer) {
            this.consumer = consumer;
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void run() {
            try {
                while (running) {
                    consumer.poll(Duration.ofMillis(50))
                        .forEach(record -> values.add(Integer.parseInt(record.value())));
                    try {
                        consumer.commitSync();
                    } catch (org.apache.kafka.clients.consumer.CommitFailedException
                        | org.apache.kafka.common.errors.RebalanceInProgressException rebalance) {
                        // The partitions have a new owner, which reads these records again.
                    }
                    owned = consumer.assignment().size();
                }
            } catch (RuntimeException error) {
                failure = error;
            }
        }

        private int owned() {
            if (failure != null) {
                throw failure;
            }
            return owned;
        }

        private void pause() throws InterruptedException {
            running = false;
            thread.join(STEP_LIMIT_MS);
        }
    }

    // --- helpers --------------------------------------------------------------------------------

    private Properties settings() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        return properties;
    }

    private KafkaProducer<String, String> producer(Map<String, String> with) {
        Properties properties = settings();
        properties.putAll(with);
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(String group) {
        Properties properties = settings();
        properties.putAll(Map.of("group.id", group, "enable.auto.commit", "false",
            "auto.offset.reset", "earliest", "session.timeout.ms", "6000",
            "heartbeat.interval.ms", "500"));
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private static List<TopicPartition> partitions(String topic) {
        List<TopicPartition> all = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            all.add(new TopicPartition(topic, partition));
        }
        return all;
    }

    private List<ConsumerRecord<String, String>> readAll(
            String topic, int count, Map<TopicPartition, Long> starts) {
        try (KafkaConsumer<String, String> consumer = consumer("unused")) {
            consumer.assign(partitions(topic));
            for (TopicPartition partition : partitions(topic)) {
                consumer.seek(partition, starts.getOrDefault(partition, 0L));
            }
            return poll(consumer, count);
        }
    }

    /** Reads `count` records, then looks a moment longer to see that there are no others. */
    private static List<ConsumerRecord<String, String>> poll(
            KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> got = new ArrayList<>();
        long deadline = System.currentTimeMillis() + STEP_LIMIT_MS;
        while (got.size() < count && System.currentTimeMillis() < deadline) {
            consumer.poll(Duration.ofMillis(200)).forEach(got::add);
        }
        consumer.poll(Duration.ofMillis(400)).forEach(got::add);
        same("records read", got.size(), count);
        return got;
    }

    private static List<ProducerRecord<String, String>> records(
            String topic, String codec, long base, int first) {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < PER_CODEC; i++) {
            List<Header> headers = List.of(new RecordHeader("codec", codec.getBytes()),
                new RecordHeader("n", Integer.toString(i).getBytes()));
            records.add(new ProducerRecord<>(topic, null, base + (first + i) * 1000L,
                "key-" + i % 10, codec + "-" + i + "-" + "x".repeat(i * 7), headers));
        }
        return records;
    }

    private static List<ProducerRecord<String, String>> plain(String topic, int first, int count) {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int i = first; i < first + count; i++) {
            records.add(new ProducerRecord<>(topic, "key-" + i % 16, Integer.toString(i)));
        }
        return records;
    }

    private static String line(String key, String value, Iterable<Header> headers, long timestamp) {
        StringBuilder text = new StringBuilder(timestamp + " " + key + " " + value);
        headers.forEach(h -> text.append(' ').append(h.key()).append('=')
            .append(new String(h.value())));
        return text.toString();
    }

    private static void checkContents(List<ConsumerRecord<String, String>> got,
            List<ProducerRecord<String, String>> sent) {
        Map<String, List<String>> gotByKey = new TreeMap<>();
        Map<String, List<String>> sentByKey = new TreeMap<>();
        Map<Integer, Long> next = new HashMap<>();
        for (ConsumerRecord<String, String> r : got) {
            gotByKey.computeIfAbsent(r.key(), key -> new ArrayList<>())
                .add(line(r.key(), r.value(), r.headers(), r.timestamp()));
            same("offset in partition " + r.partition(), r.offset(),
                next.merge(r.partition(), 1L, Long::sum) - 1);
        }
        for (ProducerRecord<String, String> r : sent) {
            sentByKey.computeIfAbsent(r.key(), key -> new ArrayList<>())
                .add(line(r.key(), r.value(), r.headers(), r.timestamp()));
        }
        same("records of each key, in order", gotByKey, sentByKey);
    }

    private static Set<String> values(Collection<ConsumerRecord<String, String>> records) {
        Set<String> values = new TreeSet<>();
        records.forEach(record -> values.add(record.value()));
        return values;
    }

    private static List<Integer> numbers(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(record -> Integer.valueOf(record.value())).sorted().toList();
    }

    private static List<Integer> range(int first, int end) {
        List<Integer> numbers = new ArrayList<>();
        for (int i = first; i < end; i++) {
            numbers.add(i);
        }
        return numbers;
    }

    private static int distinct(Set<Integer> one, Set<Integer> two) {
        Set<Integer> all = new HashSet<>();
        synchronized (one) {
            all.addAll(one);
        }
        synchronized (two) {
            all.addAll(two);
        }
        return all.size();
    }

    private static void waitFor(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.currentTimeMillis() + STEP_LIMIT_MS;
        while (!condition.call()) {
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError("waited in vain: " + what);
            }
            Thread.sleep(50);
        }
    }

    private static <T> T same(String what, T got, T expected) {
        if (!got.equals(expected)) {
            throw new AssertionError(what + ": got " + cut(got) + ", expected " + cut(expected));
        }
        return got;
    }

    private static String cut(Object value) {
        String text = String.valueOf(value);
        return text.substring(0, Math.min(400, text.length()));
    }

    /** Runs a step and reports it; a failed step ends the program. */
    private static <T> T check(String name, Callable<T> step) {
        long began = System.nanoTime();
        T result = null;
        Throwable failure = null;
        try {
            result = step.call();
        } catch (Exception | AssertionError error) {
            failure = error;
            error.printStackTrace();
        }
        long ms = (System.nanoTime() - began) / 1_000_000;
        String detail = failure == null ? "" : failure.toString()
            .replace("\\", "\\\\").replace("\"", "'").replaceAll("\\p{Cntrl}", " ");
        say("{\"check\": \"" + name + "\", \"ok\": " + (failure == null) + ", \"ms\": " + ms
            + ", \"detail\": \"" + detail + "\"}");
        if (failure != null) {
            Runtime.getRuntime().halt(1);
        }
        return result;
    }

    private static void say(String text) {
        synchronized (System.out) {
            System.out.println(text);
            System.out.flush();
        }
    }
}
