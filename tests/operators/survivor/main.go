// Command survivor is a busy operator that checks itself, to be run while probes come and go: it
// panics if anything is off. It says "ready PID"; each line on stdin is answered by "done JSON", what
// was checked so far and what a watcher must not change, and the end of stdin ends it.
//
// SIGUSR1 lets it replace itself by what follows "--", as execve(2) does.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Done counts the checks that were passed, by kind.
type Done struct {
	Stacks     int64 `json:"stacks"`
	Maps       int64 `json:"maps"`
	Channels   int64 `json:"channels"`
	Timers     int64 `json:"timers"`
	Sockets    int64 `json:"sockets"`
	Reads      int64 `json:"reads"`
	Reconciles int64 `json:"reconciles"`
	Children   int64 `json:"children"`
}

var done Done

func main() {
	pause := flag.Duration("pause", 0, "how long each kind of check rests after a round")
	children := flag.Bool("children", false, "start programs, too")
	flag.Parse()
	go replaced(flag.Args())

	kinds := map[*int64]func(round int64){
		&done.Stacks: checkStacks, &done.Maps: checkMaps, &done.Channels: checkChannels,
		&done.Timers: checkTimers, &done.Sockets: newSocketCheck(), &done.Reads: newReadCheck(),
	}
	if *children {
		kinds[&done.Children] = checkChild
	}
	for count, check := range kinds {
		go repeat(count, *pause, check)
	}
	startController(&done.Reconciles, *pause)

	fmt.Println("ready", os.Getpid())
	input := bufio.NewReader(os.Stdin)
	for {
		if _, err := input.ReadString('\n'); err != nil {
			return
		}
		report, _ := json.Marshal(passed())
		fmt.Printf("done %s\n", report)
	}
}

func repeat(count *int64, pause time.Duration, check func(round int64)) {
	for round := int64(0); ; round++ {
		check(round)
		atomic.AddInt64(count, 1)
		time.Sleep(pause)
	}
}

func passed() Done {
	load := atomic.LoadInt64
	return Done{
		Stacks: load(&done.Stacks), Maps: load(&done.Maps), Channels: load(&done.Channels),
		Timers: load(&done.Timers), Sockets: load(&done.Sockets), Reads: load(&done.Reads),
		Reconciles: load(&done.Reconciles), Children: load(&done.Children),
	}
}

func checkChild(round int64) {
	want := fmt.Sprintf("child %d\n", round)
	got, err := exec.Command("/bin/echo", "child", fmt.Sprint(round)).Output()
	must(err == nil && string(got) == want, "a child said %q, %v", got, err)
}

func replaced(argv []string) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	<-signals
	must(len(argv) > 0, "nothing to become")
	must(false, "exec: %v", syscall.Exec(argv[0], argv, os.Environ()))
}

func must(ok bool, format string, arguments ...any) {
	if !ok {
		panic(fmt.Sprintf(format, arguments...))
	}
}
