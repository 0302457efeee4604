// Command gotrace prints what a Go execution trace says of goroutines that were made runnable: one
// line "NS GOROUTINE FUNCTIONS" each, in ns of CLOCK_MONOTONIC, with the functions, innermost first
// and joined by "<", in which it waits or begins, between the lines "first NS" and "last NS"; then "waits GOROUTINE FUNCTIONS" as it was at the end.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"golang.org/x/exp/trace"
)

type wakeup struct {
	at        trace.Time
	goroutine trace.GoID
	functions string
}

func main() {
	reader, err := trace.NewReader(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	var first, last trace.Time
	var offsets []int64
	var wakeups []wakeup
	waits := map[trace.GoID]string{}
	for {
		event, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if event.Kind() == trace.EventSync {
			if clocks := event.Sync().ClockSnapshot; clocks != nil {
				offsets = append(offsets, int64(clocks.Mono)-int64(clocks.Trace))
			}
			continue
		}
		last = event.Time()
		if first == 0 {
			first = last
		}
		if event.Kind() != trace.EventStateTransition {
			continue
		}
		change := event.StateTransition()
		if change.Resource.Kind != trace.ResourceGoroutine {
			continue
		}
		from, to := change.Goroutine()
		goroutine := change.Resource.Goroutine()
		if to == trace.GoWaiting || from == trace.GoNotExist {
			if names := functions(change.Stack); names != "" {
				waits[goroutine] = names
			}
		}
		if from == trace.GoWaiting && to == trace.GoRunnable {
			wakeups = append(wakeups, wakeup{last, goroutine, waits[goroutine]})
		}
	}
	// Both clocks run alike. They are read one after the other: a snapshot during which the thread
	// was preempted is off, the median isn't.
	slices.Sort(offsets)
	offset := offsets[len(offsets)/2]
	fmt.Println("first", int64(first)+offset)
	for _, w := range wakeups {
		fmt.Println(int64(w.at)+offset, w.goroutine, w.functions)
	}
	fmt.Println("last", int64(last)+offset)
	for goroutine, names := range waits {
		fmt.Println("waits", goroutine, names)
	}
}

func functions(stack trace.Stack) string {
	var names []string
	for frame := range stack.Frames() {
		names = append(names, frame.Func)
	}
	return strings.Join(names, "<")
}
