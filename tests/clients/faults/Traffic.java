import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Apache Kafka's Java clients, which write down all they do: the same as librdkafka.py, until a
 * line comes on standard input.
 */
public final class Traffic {
    /** How long a producer tries: one that has patience, and one that has none. */
    private static final int PATIENT_MS = 120_000;
    private static final int HASTY_MS = 3000;

    private final Map<String, String> options;
    private final String topic;
    private final int partitions;
    private final History history;
    private volatile boolean finish;

    private Traffic(Map<String, String> options) throws IOException {
        this.options = options;
        this.topic = options.get("--topic");
        this.partitions = Integer.parseInt(options.get("--partitions"));
        this.history = new History(Path.of(options.get("--history")));
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        Traffic traffic = new Traffic(options);
        Map<String, Runnable> jobs = new TreeMap<>();
        switch (arguments[0]) {
            case "produce" -> {
                jobs.put("idempotent", () -> traffic.produce(4, true, PATIENT_MS));
                jobs.put("plain", () -> traffic.produce(5, false, HASTY_MS));
                jobs.put("hasty", () -> traffic.produce(6, true, HASTY_MS));
            }
            case "consume" -> {
                jobs.put("member", () -> traffic.consumeAsMember(1));
                jobs.put("reader", traffic::readAgainAndAgain);
            }
            default -> throw new IllegalArgumentException("unknown job " + arguments[0]);
        }
        Map<String, Throwable> errors = new ConcurrentHashMap<>();
        List<Thread> threads = new ArrayList<>();
        jobs.forEach((name, job) -> {
            Thread thread = new Thread(job, name);
            thread.setUncaughtExceptionHandler((failed, error) -> errors.put(name, error));
            thread.start();
            threads.add(thread);
        });
        Thread listener = new Thread(() -> {
            try {
                System.in.read();
            } catch (IOException closed) {
                // The one who started this has gone: that is the end, too.
            }
            traffic.finish = true;
        });
        listener.setDaemon(true);
        listener.start();
        for (Thread thread : threads) {
            thread.join();
        }
        errors.forEach((name, error) -> {
            System.out.println(name + ": " + error);
            error.printStackTrace(System.out);
        });
        System.exit(errors.isEmpty() ? 0 : 1);
    }

    // --- producers ------------------------------------------------------------------------------

    private void produce(int number, boolean idempotent, int deliveryMs) {
        String client = "producer-" + number;
        Random random = new Random(number);
        for (int session = 1; !finish; session++) {
            history.note(client, "producer", "{\"producer\":\"" + number + "/" + session
                + "\",\"idempotent\":" + idempotent + "}");
            session(client, number + "/" + session + "/", idempotent, deliveryMs, random);
        }
        history.note(client, "close", "null");
    }

    /** Sends until the end, or until the producer fails for good. */
    private void session(String client, String prefix, boolean idempotent, int deliveryMs,
                         Random random) {
        Properties settings = settings();
        settings.put("acks", "all");
        settings.put("linger.ms", "2");
        settings.put("enable.idempotence", String.valueOf(idempotent));
        settings.put("max.in.flight.requests.per.connection", idempotent ? "5" : "1");
        settings.put("delivery.timeout.ms", String.valueOf(deliveryMs));
        settings.put("request.timeout.ms", String.valueOf(Math.min(5000, deliveryMs / 2)));
        settings.put("max.block.ms", "5000");
        settings.put("compression.type",
            idempotent ? List.of("gzip", "snappy").get(random.nextInt(2)) : "none");
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        // A plain producer has one record of each partition under way: it may send that again, and
        // another one beside it could overtake it.
        Set<Integer> busy = ConcurrentHashMap.newKeySet();
        long pause = (long) (1e9 / Double.parseDouble(options.get("--rate")));
        long failures = 0;
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            for (int number = 1; !finish && failures < 5; number++) {
                int partition = random.nextInt(partitions);
                if (idempotent || busy.add(partition)) {
                    failures = send(producer, client, prefix + number, partition, busy, random)
                        ? 0 : failures + 1;
                }
                sleep(pause);
            }
        }
    }

    private boolean send(KafkaProducer<byte[], byte[]> producer, String client, String record,
                         int partition, Set<Integer> busy, Random random) {
        String at = topic + "-" + partition;
        History.Operation operation = history.begin(client, "send",
            "[[\"send\",\"" + at + "\",\"" + record + "\"]]");
        StringBuilder value = new StringBuilder(record + "/");
        value.append(".".repeat(random.nextInt(random.nextInt(5) == 0 ? 20_000 : 500)));
        byte[] bytes = value.toString().getBytes(StandardCharsets.US_ASCII);
        // What is refused at once was never sent, and comes as an exception and to the callback, too.
        boolean[] ended = new boolean[1];
        try {
            producer.send(new ProducerRecord<>(topic, partition, null, bytes), (metadata, error) -> {
                synchronized (ended) {
                    if (!ended[0]) {
                        told(operation, at, record, metadata, error);
                    }
                    ended[0] = true;
                }
                busy.remove(partition);
            });
            return true;
        } catch (KafkaException refused) {
            synchronized (ended) {
                if (!ended[0]) {
                    told(operation, at, record, null, refused);
                }
                ended[0] = true;
            }
            busy.remove(partition);
            return false;
        }
    }

    private void told(History.Operation operation, String at, String record,
                      org.apache.kafka.clients.producer.RecordMetadata metadata, Exception error) {
        String start = "[[\"send\",\"" + at + "\",[";
        if (error == null) {
            String offset = metadata.hasOffset() ? String.valueOf(metadata.offset()) : "null";
            history.end(operation, "ok", start + offset + ",\"" + record + "\"]]]");
            return;
        }
        short code = Errors.forException(error).code();
        String more = code > 0 ? "," + code : "";
        history.end(operation, "info", start + "null,\"" + record + "\"]" + more + "]]");
    }

    // --- consumers ------------------------------------------------------------------------------

    private KafkaConsumer<byte[], byte[]> consumer(String group) {
        Properties settings = settings();
        settings.put("group.id", group);
        settings.put("group.protocol", "classic");
        settings.put("partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.RangeAssignor");
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("session.timeout.ms", "6000");
        settings.put("heartbeat.interval.ms", "1000");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return new KafkaConsumer<>(settings);
    }

    private void consumeAsMember(int number) {
        String client = "java-member-" + number;
        Random random = new Random(number);
        while (!finish) {
            history.note(client, "subscribe", "[\"" + topic + "\"]");
            try (KafkaConsumer<byte[], byte[]> consumer = consumer("readers")) {
                consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                    @Override
                    public void onPartitionsAssigned(Collection<TopicPartition> given) {
                        history.note(client, "assign", names(given));
                    }

                    @Override
                    public void onPartitionsRevoked(Collection<TopicPartition> taken) {
                        // Whoever is given them next goes on behind what is committed.
                    }
                });
                int polls = 100 + random.nextInt(300);
                for (int poll = 0; poll < polls && !finish; poll++) {
                    commit(client, consumer, poll(client, consumer, Duration.ofMillis(100)));
                }
            } catch (KafkaException error) {
                // The next one takes its place.
                history.note(client, "failed", History.quoted(error.toString()));
            }
        }
    }

    /** Polls, and gives what comes behind what it brought. */
    private Map<TopicPartition, Long> poll(String client, KafkaConsumer<byte[], byte[]> consumer,
                                           Duration wait) {
        History.Operation operation = history.begin(client, "poll", "[[\"poll\"]]");
        Map<TopicPartition, Long> ends = new HashMap<>();
        Map<String, List<String>> brought = new TreeMap<>();
        try {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(wait)) {
                TopicPartition at = new TopicPartition(record.topic(), record.partition());
                ends.put(at, record.offset() + 1);
                brought.computeIfAbsent(at.toString(), none -> new ArrayList<>())
                    .add("[" + record.offset() + "," + recordOf(record.value()) + "]");
            }
        } catch (KafkaException error) {
            history.end(operation, "fail", "[[\"poll\"]]");
            throw error;
        }
        List<String> all = new ArrayList<>();
        brought.forEach((at, records) ->
            all.add("\"" + at + "\":[" + String.join(",", records) + "]"));
        history.end(operation, "ok", "[[\"poll\",{" + String.join(",", all) + "}]]");
        return ends;
    }

    private void commit(String client, KafkaConsumer<byte[], byte[]> consumer,
                        Map<TopicPartition, Long> ends) {
        if (ends.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        List<String> told = new ArrayList<>();
        ends.forEach((at, offset) -> {
            offsets.put(at, new OffsetAndMetadata(offset));
            told.add("\"" + at + "\":" + offset);
        });
        String value = "{" + String.join(",", told) + "}";
        History.Operation operation = history.begin(client, "commit", value);
        try {
            consumer.commitSync(offsets, Duration.ofSeconds(5));
            history.end(operation, "ok", value);
        } catch (WakeupException unexpected) {
            throw unexpected;
        } catch (KafkaException error) {
            history.end(operation, "info", value);
        }
    }

    private void readAgainAndAgain() {
        String client = "java-reader";
        List<TopicPartition> all = new ArrayList<>();
        for (int index = 0; index < partitions; index++) {
            all.add(new TopicPartition(topic, index));
        }
        while (!finish) {
            history.note(client, "assign", names(all));
            try (KafkaConsumer<byte[], byte[]> consumer = consumer("unused")) {
                consumer.assign(all);
                consumer.seekToBeginning(all);
                Map<TopicPartition, Long> ends = consumer.endOffsets(all, Duration.ofSeconds(10));
                long deadline = System.nanoTime() + 20_000_000_000L;
                Set<TopicPartition> left = new HashSet<>(all);
                while (!finish && !left.isEmpty() && System.nanoTime() < deadline) {
                    poll(client, consumer, Duration.ofMillis(100));
                    left.removeIf(at -> consumer.position(at, Duration.ofSeconds(10)) >= ends.get(at));
                }
            } catch (KafkaException error) {
                history.note(client, "failed", History.quoted(error.toString()));
            }
            sleep(1_000_000_000L);
        }
    }

    // --- leaves ---------------------------------------------------------------------------------

    private Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", options.get("--bootstrap"));
        settings.put("request.timeout.ms", "5000");
        settings.put("default.api.timeout.ms", "15000");
        settings.put("reconnect.backoff.max.ms", "500");
        settings.put("socket.connection.setup.timeout.ms", "3000");
        settings.put("metadata.max.age.ms", "5000");
        return settings;
    }

    private static String names(Collection<TopicPartition> all) {
        List<String> names = new ArrayList<>();
        all.forEach(at -> names.add("\"" + at + "\""));
        return "[" + String.join(",", names) + "]";
    }

    /** Which record a value is of, as JSON; null if it is none of the history's. */
    private static String recordOf(byte[] value) {
        String text = value == null ? "" : new String(value, StandardCharsets.ISO_8859_1);
        return text.matches("[0-9]+/[0-9]+/[0-9]+/\\.*")
            ? "\"" + text.substring(0, text.lastIndexOf('/')) + "\"" : "null";
    }

    private static void sleep(long nanos) {
        try {
            Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /** The same as history.py. */
    private static final class History {
        private record Operation(int process, String client, String function) {
        }

        private final BufferedWriter file;
        private final ArrayDeque<Integer> free = new ArrayDeque<>();
        private int count;

        private History(Path path) throws IOException {
            file = Files.newBufferedWriter(path);
        }

        private synchronized Operation begin(String client, String function, String value) {
            int process = free.isEmpty() ? count++ : free.pop();
            Operation operation = new Operation(process, client, function);
            line(operation, "invoke", value);
            return operation;
        }

        private synchronized void end(Operation operation, String kind, String value) {
            line(operation, kind, value);
            if (!kind.equals("info")) {
                free.push(operation.process());
            }
        }

        private void note(String client, String function, String value) {
            end(begin(client, function, value), "ok", value);
        }

        private void line(Operation operation, String kind, String value) {
            try {
                file.write("{\"time\":" + System.nanoTime() + ",\"process\":" + operation.process()
                    + ",\"client\":\"" + operation.client() + "\",\"type\":\"" + kind + "\",\"f\":\""
                    + operation.function() + "\",\"value\":" + value + "}\n");
                file.flush();
            } catch (IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        }

        private static String quoted(String text) {
            return "\"" + text.replaceAll("[\\\\\"\\p{Cntrl}]", " ") + "\"";
        }
    }
}
