// Command gotrace prints what a Go execution trace says of goroutines that were made runnable: one
// line "NS GOROUTINE FUNCTIONS" each, in ns of CLOCK_MONOTONIC, with the functions, innermost first
// and joined by "<", in which it waits or begins, between the lines "first NS" and "last NS".
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"golang.org/x/exp/trace"
)

func main() {
	reader, err := trace.NewReader(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	var first, last, offset int64
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
				offset = int64(clocks.Mono) - int64(clocks.Trace)
			}
			continue
		}
		last = int64(event.Time()) + offset
		if first == 0 {
			first = last
			fmt.Println("first", first)
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
			fmt.Println(last, goroutine, waits[goroutine])
		}
	}
	fmt.Println("last", last)
}

func functions(stack trace.Stack) string {
	var names []string
	for frame := range stack.Frames() {
		names = append(names, frame.Func)
	}
	return strings.Join(names, "<")
}
