package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()}, {"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

func (c *client) basic() {
	topic := fmt.Sprintf("basic-%d", time.Now().UnixNano())
	base := time.Now().UnixMilli() - 3_600_000
	var sent, read []*kgo.Record
	check("create topic", func() error { return c.create(topic) })
	for _, codec := range codecs {
		check("produce "+codec.name, func() error {
			records := recordsFor(topic, codec.name, base, len(sent))
			sent = append(sent, records...)
			return c.produce(records, kgo.ProducerBatchCompression(codec.codec),
				kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
		})
	}
	check("produce idempotent", func() error {
		records := recordsFor(topic, "idempotent", base, len(sent))
		sent = append(sent, records...)
		return c.produce(records, kgo.RequiredAcks(kgo.AllISRAcks()))
	})
	check("consume and compare", func() (err error) {
		if read, err = c.readAll(topic, len(sent), nil); err != nil {
			return err
		}
		next := map[int32]int64{}
		for _, r := range read {
			if err := same("offset", r.Offset, next[r.Partition]); err != nil {
				return err
			}
			next[r.Partition]++
			if err := sameCodec(r); err != nil {
				return err
			}
		}
		return same("records of each key, in order", lines(read), lines(sent))
	})
	check("seek by time", func() error { return c.seekByTime(topic, read, base) })
	check("delete records", func() error { return c.deleteRecords(topic, read) })
	check("delete topic", func() error {
		if _, err := c.admin.DeleteTopic(c.ctx, topic); err != nil {
			return err
		}
		return waitFor(topic+" is no longer listed", func() (bool, error) {
			topics, err := c.admin.ListTopics(c.ctx)
			return err == nil && !topics.Has(topic), err
		})
	})
}

// sameCodec tells whether a record came back in the codec that its header names: a broker stores
// batches as they were sent.
func sameCodec(r *kgo.Record) error {
	for number, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		if codec == string(r.Headers[0].Value) {
			return same("codec of "+codec, r.Attrs.CompressionType(), uint8(number))
		}
	}
	return nil
}

func (c *client) seekByTime(topic string, read []*kgo.Record, base int64) error {
	middle := base + perCodec*int64(len(codecs))*500
	first, late := map[int32]int64{}, []*kgo.Record{}
	for _, r := range read {
		if r.Timestamp.UnixMilli() < middle {
			continue
		}
		if at, ok := first[r.Partition]; !ok || r.Offset < at {
			first[r.Partition] = r.Offset
		}
		late = append(late, r)
	}
	listed, err := c.admin.ListOffsetsAfterMilli(c.ctx, middle, topic)
	if err != nil {
		return err
	}
	found := map[int32]int64{}
	listed.Each(func(offset kadm.ListedOffset) { found[offset.Partition] = offset.Offset })
	if err := same("offsets at the time", found, first); err != nil {
		return err
	}
	again, err := c.readAll(topic, len(late), found)
	if err != nil {
		return err
	}
	return same("records after the time", lines(again), lines(late))
}

func (c *client) deleteRecords(topic string, read []*kgo.Record) error {
	target, before := read[0].Partition, int64(0)
	for _, r := range read {
		if r.Partition == target {
			before++
		}
	}
	before /= 2
	left := []*kgo.Record{}
	for _, r := range read {
		if r.Partition != target || r.Offset >= before {
			left = append(left, r)
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset(topic, target, before, -1)
	deleted, err := c.admin.DeleteRecords(c.ctx, offsets)
	if err != nil {
		return err
	}
	result, _ := deleted.Lookup(topic, target)
	if result.Err != nil {
		return result.Err
	}
	if err := same("low watermark", result.LowWatermark, before); err != nil {
		return err
	}
	starts, err := c.admin.ListStartOffsets(c.ctx, topic)
	if err != nil {
		return err
	}
	start, _ := starts.Lookup(topic, target)
	if err := same("earliest offset", start.Offset, before); err != nil {
		return err
	}
	got, err := c.readAll(topic, len(left), map[int32]int64{target: before})
	if err != nil {
		return err
	}
	return same("records left", lines(got), lines(left))
}

func (c *client) group() {
	topic, group := fmt.Sprintf("group-%d", time.Now().UnixNano()), "g-franz-go"
	if err := c.create(topic); err != nil {
		panic(err)
	}
	if err := c.produce(plain(topic, 0, 200)); err != nil {
		panic(err)
	}
	one, two := c.member(group, topic), c.member(group, topic)
	check("group of two", func() error {
		seen := map[string]bool{}
		err := waitFor("two partitions each and 200 records", func() (bool, error) {
			for _, m := range []*member{one, two} {
				var got []*kgo.Record
				if err := c.pollOnce(m.Client, 50*time.Millisecond, &got); err != nil {
					return false, err
				}
				if err := m.CommitRecords(c.ctx, got...); err != nil {
					return false, err
				}
				for _, r := range got {
					seen[string(r.Value)] = true
				}
			}
			return len(one.partitions()) == 2 && len(two.partitions()) == 2 && len(seen) == 200, nil
		})
		if err != nil {
			return err
		}
		union := map[int32]bool{}
		for _, p := range append(one.partitions(), two.partitions()...) {
			union[p] = true
		}
		return same("partitions of both", len(union), partitions)
	})
	check("member leaves", func() error {
		two.Close()
		err := waitFor("all partitions", func() (bool, error) {
			var got []*kgo.Record
			if err := c.pollOnce(one.Client, 100*time.Millisecond, &got); err != nil {
				return false, err
			}
			return len(one.partitions()) == partitions, same("records nobody produced", len(got), 0)
		})
		if err != nil {
			return err
		}
		if err := c.produce(plain(topic, 200, 80)); err != nil {
			return err
		}
		got, err := c.poll(one.Client, 80)
		if err != nil {
			return err
		}
		return same("records of the one left", numbers(got), numbersTo(200, 280))
	})
	check("commit and resume", func() error {
		if err := one.CommitUncommittedOffsets(c.ctx); err != nil {
			return err
		}
		one.Close()
		if err := c.produce(plain(topic, 280, 40)); err != nil {
			return err
		}
		again := c.member(group, topic)
		defer again.Close()
		got, err := c.poll(again.Client, 40)
		if err != nil {
			return err
		}
		return same("records after the commit", numbers(got), numbersTo(280, 320))
	})
}

func (c *client) killProducer(path string, count int) {
	if err := c.create("kill"); err != nil {
		panic(err)
	}
	check("produce through kill -9", func() error {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		defer file.Close()
		producer := c.open(kgo.RequiredAcks(kgo.AllISRAcks()),
			kgo.ProducerLinger(2*time.Millisecond), kgo.RecordDeliveryTimeout(60*time.Second))
		defer producer.Close()
		var mutex sync.Mutex
		var failures []error
		acked := 0
		for _, record := range plain("kill", 0, count) {
			producer.Produce(c.ctx, record, func(r *kgo.Record, err error) {
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil {
					_, err = fmt.Fprintf(file, "%s %s %s\n", position(r), r.Key, r.Value)
				}
				if err != nil {
					failures = append(failures, err)
					return
				}
				if acked++; acked%50 == 0 {
					say(map[string]any{"acked": acked})
				}
			})
			time.Sleep(time.Millisecond)
		}
		if err := producer.Flush(c.ctx); err != nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		if err := same("delivery errors", len(failures), 0); err != nil {
			return fmt.Errorf("%w: %v", err, failures[0])
		}
		return same("acknowledged", acked, count)
	})
}

func (c *client) verify(path string, count int) {
	var read []*kgo.Record
	check("acknowledged records are there", func() error {
		ends, err := c.admin.ListEndOffsets(c.ctx, "kill")
		if err != nil {
			return err
		}
		total := 0
		ends.Each(func(end kadm.ListedOffset) { total += int(end.Offset) })
		if read, err = c.readAll("kill", total, nil); err != nil {
			return err
		}
		found := map[string]bool{}
		for _, r := range read {
			found[fmt.Sprintf("%s %s %s", position(r), r.Key, r.Value)] = true
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		acked, lost := 0, []string{}
		for scanner := bufio.NewScanner(file); scanner.Scan(); acked++ {
			if line := strings.TrimSpace(scanner.Text()); !found[line] {
				lost = append(lost, line)
			}
		}
		if err := same("lost records", lost, []string{}); err != nil {
			return err
		}
		return same("acknowledged records", acked, count)
	})
	check("order is kept", func() error {
		last := map[string]int{}
		for _, r := range read {
			value := numbers([]*kgo.Record{r})[0]
			if before, ok := last[string(r.Key)]; ok && before > value {
				return fmt.Errorf("%s: %d before %d", r.Key, before, value)
			}
			last[string(r.Key)] = value
		}
		return nil
	})
	check("each record once", func() error {
		return same("values", numbers(read), numbersTo(0, count))
	})
}
