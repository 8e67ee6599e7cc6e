// franz-go against a broker: the phases of the harness.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 4
	perCodec   = 60
	stepLimit  = 30 * time.Second
	runLimit   = 80 * time.Second
)

type client struct {
	bootstrap string
	admin     *kadm.Client
	ctx       context.Context
}

func main() {
	bootstrap := flag.String("bootstrap", "", "host:port")
	phase := flag.String("phase", "", "basic, group, kill-producer or verify")
	acked := flag.String("acked", "", "file of acknowledged records")
	count := flag.Int("kill-records", 0, "records of the kill run")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	c := &client{bootstrap: *bootstrap, ctx: ctx}
	c.admin = kadm.NewClient(c.open())
	switch *phase {
	case "basic":
		c.basic()
	case "group":
		c.group()
	case "kill-producer":
		c.killProducer(*acked, *count)
	case "verify":
		c.verify(*acked, *count)
	default:
		fmt.Fprintln(os.Stderr, "unknown phase", *phase)
		os.Exit(2)
	}
}

// open makes a client; settings that contradict each other are this program's bug.
func (c *client) open(options ...kgo.Opt) *kgo.Client {
	opened, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.bootstrap)}, options...)...)
	if err != nil {
		panic(err)
	}
	return opened
}

func (c *client) create(topic string) error {
	if _, err := c.admin.CreateTopic(c.ctx, partitions, 1, nil, topic); err != nil {
		return err
	}
	return waitFor("topic "+topic, func() (bool, error) {
		topics, err := c.admin.ListTopics(c.ctx, topic)
		return err == nil && len(topics[topic].Partitions) == partitions, err
	})
}

// produce sends the records; each has to be acknowledged at a position of its own.
func (c *client) produce(records []*kgo.Record, options ...kgo.Opt) error {
	producer := c.open(options...)
	defer producer.Close()
	positions := map[string]bool{}
	for _, result := range producer.ProduceSync(c.ctx, records...) {
		if result.Err != nil {
			return result.Err
		}
		positions[position(result.Record)] = true
	}
	return same("distinct positions", len(positions), len(records))
}

// readAll reads count records by assignment, from the beginning or the given offsets.
func (c *client) readAll(topic string, count int, starts map[int32]int64) ([]*kgo.Record, error) {
	offsets := map[int32]kgo.Offset{}
	for p := int32(0); p < partitions; p++ {
		offsets[p] = kgo.NewOffset().At(starts[p])
	}
	consumer := c.open(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
	defer consumer.Close()
	return c.poll(consumer, count)
}

// poll reads count records, then looks a moment longer to see that there are no others.
func (c *client) poll(consumer *kgo.Client, count int) ([]*kgo.Record, error) {
	var got []*kgo.Record
	deadline := time.Now().Add(stepLimit)
	for len(got) < count && time.Now().Before(deadline) {
		if err := c.pollOnce(consumer, 200*time.Millisecond, &got); err != nil {
			return nil, err
		}
	}
	if err := c.pollOnce(consumer, 400*time.Millisecond, &got); err != nil {
		return nil, err
	}
	return got, same("records read", len(got), count)
}

func (c *client) pollOnce(consumer *kgo.Client, wait time.Duration, got *[]*kgo.Record) error {
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	fetches := consumer.PollFetches(ctx)
	for _, failure := range fetches.Errors() {
		if ctx.Err() == nil {
			return fmt.Errorf("%s/%d: %w", failure.Topic, failure.Partition, failure.Err)
		}
	}
	*got = append(*got, fetches.Records()...)
	return nil
}

// member is a group's member that counts the partitions it owns.
type member struct {
	*kgo.Client
	mutex sync.Mutex
	owned map[int32]bool
}

func (c *client) member(group, topic string) *member {
	m := &member{owned: map[int32]bool{}}
	change := func(owns bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partition := range changed[topic] {
				if owns {
					m.owned[partition] = true
				} else {
					delete(m.owned, partition)
				}
			}
		}
	}
	m.Client = c.open(
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)),
		kgo.OnPartitionsLost(change(false)))
	return m
}

func (m *member) partitions() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var all []int32
	for partition := range m.owned {
		all = append(all, partition)
	}
	return all
}

func recordsFor(topic, codec string, base int64, first int) []*kgo.Record {
	var records []*kgo.Record
	for i := 0; i < perCodec; i++ {
		value := fmt.Appendf(nil, "%s-%d-", codec, i)
		for range i * 7 {
			value = append(value, 'x')
		}
		records = append(records, &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "key-%d", i%10), Value: value,
			Headers: []kgo.RecordHeader{
				{Key: "codec", Value: []byte(codec)}, {Key: "n", Value: []byte(strconv.Itoa(i))}},
			Timestamp: time.UnixMilli(base + int64(first+i)*1000),
		})
	}
	return records
}

func plain(topic string, first, count int) []*kgo.Record {
	var records []*kgo.Record
	for i := first; i < first+count; i++ {
		records = append(records, &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "key-%d", i%16), Value: []byte(strconv.Itoa(i))})
	}
	return records
}

func position(r *kgo.Record) string {
	return fmt.Sprintf("%d %d", r.Partition, r.Offset)
}

func lines(records []*kgo.Record) map[string][]string {
	byKey := map[string][]string{}
	for _, r := range records {
		line := fmt.Sprintf("%d %s %v", r.Timestamp.UnixMilli(), r.Value, r.Headers)
		byKey[string(r.Key)] = append(byKey[string(r.Key)], line)
	}
	return byKey
}

func numbers(records []*kgo.Record) []int {
	all := []int{}
	for _, r := range records {
		number, err := strconv.Atoi(string(r.Value))
		if err != nil {
			number = -1
		}
		all = append(all, number)
	}
	sort.Ints(all)
	return all
}

func numbersTo(first, end int) []int {
	all := []int{}
	for i := first; i < end; i++ {
		all = append(all, i)
	}
	return all
}

func waitFor(what string, condition func() (bool, error)) error {
	deadline := time.Now().Add(stepLimit)
	for {
		done, err := condition()
		if done {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain: %s (%v)", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func same(what string, got, expected any) error {
	if reflect.DeepEqual(got, expected) {
		return nil
	}
	return fmt.Errorf("%s: got %.400s, expected %.400s", what, fmt.Sprint(got), fmt.Sprint(expected))
}

// check runs a step and reports it; a failed step ends the program.
func check(name string, step func() error) {
	began := time.Now()
	err := step()
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	say(map[string]any{"check": name, "ok": err == nil, "detail": detail,
		"ms": time.Since(began).Milliseconds()})
	if err != nil {
		os.Exit(1)
	}
}

var sayMutex sync.Mutex

func say(event map[string]any) {
	text, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	sayMutex.Lock()
	defer sayMutex.Unlock()
	fmt.Println(string(text))
}
