// Command plain lets timers of each kind expire for ever and tells at the end how often they did. It
// is built with every Go version, so it uses nothing that is newer than Go 1.19. It says "ready PID",
// waits for a line on stdin, says "start TIME", and at the end of stdin "done JSON". Times are
// nanoseconds of CLOCK_MONOTONIC.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Kind is what happened to one kind of timer: when each expiry was seen.
type Kind struct {
	PeriodNS int64   `json:"period_ns"`
	SeenNS   []int64 `json:"seen_ns"`
}

// Diary collects expiries until it is closed.
type Diary struct {
	lock   sync.Mutex
	closed bool
	kinds  map[string]*Kind
}

// Saw notes an expiry; false when the diary is closed.
func (d *Diary) Saw(kind string, period time.Duration) bool {
	now := monotonic()
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.closed {
		return false
	}
	if d.kinds[kind] == nil {
		d.kinds[kind] = &Kind{PeriodNS: int64(period)}
	}
	d.kinds[kind].SeenNS = append(d.kinds[kind].SeenNS, now)
	return true
}

// Close returns the diary's content, which won't change any more.
func (d *Diary) Close() map[string]*Kind {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.closed = true
	return d.kinds
}

func main() {
	input := bufio.NewReader(os.Stdin)
	diary := &Diary{kinds: map[string]*Kind{}}
	go runEarly(diary)
	fmt.Println("ready", os.Getpid())
	if _, err := input.ReadString('\n'); err != nil {
		return
	}
	fmt.Println("start", monotonic())
	go runTicker(diary)
	go runTimer(diary)
	go runReset(diary)
	go runSleep(diary)
	go runContext(diary)
	go runAfter(diary)
	runFunction(diary)
	ours, theirs := pair()
	defer theirs.Close()
	go runDeadline(diary, ours)

	_, _ = input.ReadString('\n')
	report, _ := json.Marshal(diary.Close())
	fmt.Printf("done %s\n", report)
}

// pair is a connection on which nothing ever comes.
func pair() (ours, theirs net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		panic(err)
	}
	if theirs, err = listener.Accept(); err != nil {
		panic(err)
	}
	return ours, theirs
}

func monotonic() int64 {
	var now syscall.Timespec
	const clockMonotonic = 1
	_, _, _ = syscall.RawSyscall(
		syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
