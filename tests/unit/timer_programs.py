"""Go programs whose timers tests read from memory."""

# Waits in each way that Go knows, says when each timer is due at the earliest and the latest, in
# CLOCK_MONOTONIC, and then does nothing.
WAITS = """package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

type begun struct {
	name   string
	period time.Duration
	at     int64
}

func now() int64 {
	var ts syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

func waitTicker(set chan<- begun) {
	set <- begun{"ticker", 30 * time.Second, now()}
	for range time.NewTicker(30 * time.Second).C {
	}
}

func waitTimer(set chan<- begun) {
	set <- begun{"timer", 100 * time.Second, now()}
	<-time.NewTimer(100 * time.Second).C
}

func waitSleep(set chan<- begun) {
	set <- begun{"sleep", 200 * time.Second, now()}
	time.Sleep(200 * time.Second)
}

func called() { println("called") }

func waitContext(set chan<- begun) {
	set <- begun{"context", 400 * time.Second, now()}
	ctx, cancel := context.WithTimeout(context.Background(), 400*time.Second)
	defer cancel()
	<-ctx.Done()
}

func waitDeadline(set chan<- begun) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	set <- begun{"deadline", 500 * time.Second, now()}
	connection.SetReadDeadline(time.Now().Add(500 * time.Second))
	connection.Read(make([]byte, 1))
}

func main() {
	set := make(chan begun, 10)
	go waitTicker(set)
	go waitTimer(set)
	go waitSleep(set)
	go waitContext(set)
	go waitDeadline(set)
	set <- begun{"function", 300 * time.Second, now()}
	time.AfterFunc(300*time.Second, called)
	dues := map[string][]int64{}
	for len(dues) < 6 {
		one := <-set
		dues[one.name] = []int64{one.at + int64(one.period)}
		dues[one.name] = append(dues[one.name], int64(one.period))
	}
	time.Sleep(100 * time.Millisecond)
	for name, due := range dues {
		dues[name][1] = now() + due[1]
	}
	json.NewEncoder(os.Stdout).Encode(dues)
	<-make(chan bool)
}
"""
WAITS_WITH_C = WAITS.replace(
    "import (",
    """// static int twice(int n) { return 2 * n; }
import "C"

import (""",
    1,
).replace("func called() {", "func called() {\n\tprintln(C.twice(2))\n\t")

# Fifty tickers that rest, and timers that are set anew all the time.
BUSY = """package main

import (
	"fmt"
	"time"
)

func rest() {
	for range time.NewTicker(time.Hour).C {
	}
}

func work() {
	timer := time.NewTimer(time.Minute)
	for {
		for n := 0; n < 100; n++ {
			timer.Reset(time.Minute)
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func main() {
	for n := 0; n < 50; n++ {
		go rest()
	}
	time.Sleep(50 * time.Millisecond)
	for n := 0; n < 4; n++ {
		go work()
	}
	fmt.Println("ready")
	<-make(chan bool)
}
"""
