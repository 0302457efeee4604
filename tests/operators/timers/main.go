// Command timers lets a chosen number of timers of each kind expire, so that a tracer can be
// checked against exact numbers. It says "ready PID", waits for a line on stdin or for SIGUSR1, says
// "start TIME", then "done JSON" with what really happened, and idles until stdin closes or SIGTERM
// comes. Times are nanoseconds of CLOCK_MONOTONIC.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is what is known about one kind of timer at the end. Overdue counts the receives for which
// the timer had expired already: those don't wake anything.
type Kind struct {
	PeriodNS int64 `json:"period_ns"`
	Expiries int   `json:"expiries"`
	Overdue  int   `json:"overdue"`
}

func main() {
	tickers := flag.Int("ticker", 11, "expiries of a time.Ticker")
	timers := flag.Int("timer", 13, "expiries of time.Timers")
	sleeps := flag.Int("sleep", 17, "calls of time.Sleep")
	deadlines := flag.Int("deadline", 19, "context deadlines")
	early := flag.Int("early", 0, "expiries after the start of a time.Ticker armed before it")
	exitAfter := flag.Duration("exit-after", 0, "exit by itself this long after the start")
	flag.Parse()

	var start Start
	kinds := map[string]func() Kind{
		"ticker":   func() Kind { return runTicker(*tickers) },
		"timer":    func() Kind { return runTimers(*timers) },
		"sleep":    func() Kind { return runSleeps(*sleeps) },
		"deadline": func() Kind { return runDeadlines(*deadlines) },
	}
	start.given = make(chan struct{})
	results := make(chan map[string]Kind)
	go func() { results <- runEarly(*early, &start) }()

	over := make(chan struct{})
	go waitForEnd(&start, over)
	fmt.Println("ready", os.Getpid())
	select {
	case <-start.given:
	case <-over:
		return
	}
	if *exitAfter > 0 {
		time.AfterFunc(*exitAfter, func() { os.Exit(0) })
	}
	done := runAll(kinds)
	maps.Copy(done, <-results)
	report, _ := json.Marshal(done)
	fmt.Printf("done %s\n", report)
	<-over
}

// Start is the moment that divides what is counted from what isn't; at is set once given is closed.
type Start struct {
	given chan struct{}
	at    time.Time
}

func (s *Start) give() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	s.at = time.Now()
	close(s.given)
	fmt.Println("start", now.Nano())
}

func (s *Start) before(t time.Time) bool {
	select {
	case <-s.given:
		return t.After(s.at)
	default:
		return false
	}
}

// waitForEnd gives the start and closes over at the end of stdin or at SIGTERM.
func waitForEnd(start *Start, over chan<- struct{}) {
	defer close(over)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGTERM)
	lines := make(chan struct{})
	go readLines(lines)
	for waiting := true; ; waiting = false {
		select {
		case _, open := <-lines:
			if !open {
				return
			}
		case got := <-signals:
			if got == syscall.SIGTERM {
				return
			}
		}
		if waiting {
			start.give()
		}
	}
}

func readLines(lines chan<- struct{}) {
	defer close(lines)
	input := bufio.NewReader(os.Stdin)
	for {
		if _, err := input.ReadString('\n'); err != nil {
			if err != io.EOF {
				fmt.Fprintln(os.Stderr, "timers:", err)
			}
			return
		}
		lines <- struct{}{}
	}
}

func runAll(kinds map[string]func() Kind) map[string]Kind {
	results := map[string]Kind{}
	var lock sync.Mutex
	var running sync.WaitGroup
	for name, run := range kinds {
		running.Go(func() {
			result := run()
			lock.Lock()
			defer lock.Unlock()
			results[name] = result
		})
	}
	running.Wait()
	return results
}
