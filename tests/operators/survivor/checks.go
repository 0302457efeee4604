package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	depth    = 300
	deepest  = 3000
	accounts = 64
)

// A frame on the stack whose content is checked after deeper calls have moved the stack.
//
//go:noinline
func descend(left int, seed uint64) uint64 {
	var frame [24]uint64
	for i := range frame {
		frame[i] = seed + uint64(i)
	}
	inside := &frame[left%len(frame)]
	sum := seed
	if left > 0 {
		sum = descend(left-1, seed*6364136223846793005+1) ^ seed
	}
	for i, value := range frame {
		must(value == seed+uint64(i), "frame %d of depth %d: %d", i, left, value)
	}
	must(*inside == seed+uint64(left%len(frame)), "a pointer into the stack")
	return sum
}

// The same without deep calls.
func expected(left int, seed uint64) uint64 {
	sum := uint64(0)
	for ; left > 0; left-- {
		sum ^= seed
		seed = seed*6364136223846793005 + 1
	}
	return sum ^ seed
}

// A new goroutine has the smallest stack: it grows, and the collector makes it smaller again.
func checkStacks(round int64) {
	levels := depth
	if round%16 == 0 {
		levels = deepest
	}
	seed := uint64(round) * 2654435761
	sums := make(chan uint64)
	go func() { sums <- descend(levels, seed) }()
	if round%4 == 0 {
		runtime.Gosched()
	}
	got := <-sums
	must(got == expected(levels, seed), "descend %d: %d", levels, got)
}

func checkMaps(round int64) {
	balances := map[string]int{}
	for account := range accounts {
		balances[fmt.Sprint("account ", account)] = 100
	}
	for transfer := range 4 * accounts {
		from, to := transfer*7%accounts, transfer*int(round%13+1)%accounts
		balances[fmt.Sprint("account ", from)] -= transfer
		balances[fmt.Sprint("account ", to)] += transfer
	}
	total := 0
	for _, balance := range balances {
		total += balance
	}
	must(total == 100*accounts && len(balances) == accounts, "%d accounts hold %d", len(balances), total)
}

func checkChannels(round int64) {
	const values = 64
	stages := [5]chan int{}
	stages[0] = make(chan int)
	for i := 1; i < len(stages); i++ {
		stages[i] = make(chan int, i-1)
		go func() {
			for value := range stages[i-1] {
				stages[i] <- value + 1
			}
			close(stages[i])
		}()
	}
	go func() {
		for value := range values {
			stages[0] <- value
		}
		close(stages[0])
	}()
	next := len(stages) - 1
	for value := range stages[len(stages)-1] {
		must(value == next, "the pipeline has %d, not %d", value, next)
		next++
	}
	must(next == values+len(stages)-1, "the pipeline ended at %d", next)
}

func checkTimers(round int64) {
	delay := time.Duration(round%5+1) * 300 * time.Microsecond
	started, calls := time.Now(), atomic.Int64{}
	called := make(chan struct{})
	time.AfterFunc(delay, func() { calls.Add(1); close(called) })
	never := time.AfterFunc(time.Hour, func() { panic("an hour has passed") })
	timer := time.NewTimer(delay)
	<-timer.C
	must(time.Since(started) >= delay, "a timer of %v after %v", delay, time.Since(started))
	<-called
	must(calls.Load() == 1, "a function was called %d times", calls.Load())
	must(never.Stop(), "a timer of an hour had fired")
	must(!timer.Stop(), "a timer that has fired can be stopped")
}

func newSocketCheck() func(int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err == nil, "listen: %v", err)
	go func() {
		server, err := listener.Accept()
		must(err == nil, "accept: %v", err)
		_, err = io.Copy(server, server)
		must(err == nil, "echo: %v", err)
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(err == nil, "dial: %v", err)
	return func(round int64) {
		sent := make([]byte, 512)
		for i := range 64 {
			binary.LittleEndian.PutUint64(sent[8*i:], uint64(round)*uint64(i+1))
		}
		_, err := client.Write(sent)
		must(err == nil, "write: %v", err)
		got := make([]byte, len(sent))
		_, err = io.ReadFull(client, got)
		same := crc32.ChecksumIEEE(got) == crc32.ChecksumIEEE(sent)
		must(err == nil && same, "another answer, %v", err)
	}
}

func newReadCheck() func(int64) {
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for number := range accounts {
		name := fmt.Sprint("map-", number)
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "paint", Name: name}}
		object.ResourceVersion = fmt.Sprint(number + 1)
		must(store.Add(object) == nil, "add")
	}
	return func(round int64) {
		number := int(round) % accounts
		found, there, err := store.GetByKey(fmt.Sprint("paint/map-", number))
		must(there && err == nil, "map %d isn't there, %v", number, err)
		version := found.(*corev1.ConfigMap).ResourceVersion
		must(version == fmt.Sprint(number+1), "map %d has version %s", number, version)
		must(len(store.List()) == accounts, "%d objects", len(store.List()))
	}
}
