// Command loops does one thing again and again, in bursts, and prints a line for each burst: the time
// at its end, in nanoseconds of CLOCK_MONOTONIC, and the nanoseconds that a call took. A burst
// that is late is made up for within a second. It ends when stdin closes. What is seen of a call by a tracer:
//
//	reset    one call of runtime.(*timer).modify; the timer never fires
//	getppid  a system call that tells nothing
//	write    a system call of the file sort
//	pipe     two threads wake each other: four system calls, and each thread sleeps and wakes
//	mixed    one call of runtime.(*timer).modify and one system call of the file sort
//	grow     as reset, each on a new stack that is more or less full: some of them have to grow in it
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	what := flag.String("what", "reset", "reset, getppid, write, pipe, mixed or grow")
	calls := flag.Int("calls", 1000, "calls in a burst")
	every := flag.Duration("every", 50*time.Millisecond, "from burst to burst")
	flag.Parse()
	// Nothing else is to be measured.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	call := callOf(*what)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready", os.Getpid())
	next := monotonic()
	for {
		start := monotonic()
		for range *calls {
			call()
		}
		end := monotonic()
		fmt.Println(end, float64(end-start)/float64(*calls))
		next += every.Nanoseconds()
		if wait := next - end; wait > 0 {
			time.Sleep(time.Duration(wait))
		} else if wait < -time.Second.Nanoseconds() {
			next = end
		}
	}
}

func callOf(what string) func() {
	timer := time.NewTimer(time.Hour)
	reset := func() { timer.Reset(time.Hour) }
	switch what {
	case "reset":
		return reset
	case "getppid":
		return func() { syscall.Getppid() }
	case "write":
		return write()
	case "pipe":
		return echo()
	case "grow":
		return grow(timer)
	case "mixed":
		call := write()
		return func() {
			reset()
			call()
		}
	}
	panic("what? " + what)
}

// Enough to fill the 2 KB that a goroutine begins with.
const depths = 64

func grow(timer *time.Timer) func() {
	calls := 0
	return func() {
		done := make(chan struct{})
		depth := calls % depths
		calls++
		go func() {
			resetBelow(timer, depth)
			close(done)
		}()
		<-done
	}
}

//go:noinline
func resetBelow(timer *time.Timer, depth int) int {
	if depth == 0 {
		timer.Reset(time.Hour)
		return 0
	}
	return resetBelow(timer, depth-1) + 1
}

func write() func() {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	fd, byte1 := int(null.Fd()), []byte{0}
	return func() { _, _ = unix.Write(fd, byte1) }
}

func echo() func() {
	var there, back [2]int
	if err := errors.Join(unix.Pipe(there[:]), unix.Pipe(back[:])); err != nil {
		panic(err)
	}
	go func() {
		runtime.LockOSThread()
		for byte1 := []byte{0}; ; {
			_, _ = unix.Read(there[0], byte1)
			_, _ = unix.Write(back[1], byte1)
		}
	}()
	byte1 := []byte{0}
	return func() {
		_, _ = unix.Write(there[1], byte1)
		_, _ = unix.Read(back[0], byte1)
	}
}

func monotonic() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano()
}
