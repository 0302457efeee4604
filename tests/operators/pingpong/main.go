// Command pingpong lets two goroutines wake each other as fast as they can: the worst case for a
// tracer. It prints the number of exchanges of each 100 ms until stdin closes. The lines "trace" and
// "stop" on stdin turn Go's own execution trace, which nobody reads, on and off.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/trace"
	"sync/atomic"
	"time"
)

func main() {
	there, back := make(chan struct{}), make(chan struct{})
	var exchanges atomic.Int64
	go func() {
		for range there {
			back <- struct{}{}
		}
	}()
	go func() {
		for {
			there <- struct{}{}
			<-back
			exchanges.Add(1)
		}
	}()
	fmt.Println("ready", os.Getpid())
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			fmt.Println(exchanges.Swap(0))
		}
	}()
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		switch commands.Text() {
		case "trace":
			_ = trace.Start(io.Discard)
		case "stop":
			trace.Stop()
		}
	}
}
