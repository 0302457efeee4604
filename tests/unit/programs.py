"""Go programs that the tests of the binary readers build."""

# One function for each form of prologue, and calls that are inlined twice.
FRAMES = """package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

type frame struct {
	PC       uint64
	Function string
	File     string
	Line     int
}

func innermost(out *[]uintptr) { *out = (*out)[:runtime.Callers(1, *out)] }

func middle(out *[]uintptr) {
	innermost(out)
}

//go:noinline
func outer(out *[]uintptr) {
	func() {

		middle(out)
	}()
}

type number interface{ ~int | ~string }

//go:noinline
func generic[T number](value T, out *[]uintptr) T {
	outer(out)
	return value + value
}

//go:noinline
func leaf(a, b int) int { return a + b }

//go:nosplit
//go:noinline
func nosplit(a []int) int { n := 0; for _, v := range a { n += leaf(v, n) }; return n }

//go:noinline
func medium(seed int) int { var a [40]int; a[seed&31] = seed; return nosplit(a[:]) }

//go:noinline
func large(seed int) int { var a [300]int; a[seed&31] = seed; return nosplit(a[:]) }

//go:noinline
func huge(seed int) int { var a [2000]int; a[seed&31] = seed; return nosplit(a[:]) }

//go:noinline
func branches(seed int) int {
	if seed > 10 {
		return medium(seed)
	}
	if seed > 5 {
		return large(seed) + huge(seed)
	}
	return leaf(seed, 1)
}

//go:noinline
func table(n int) int {
	switch n {
	case 0: return leaf(7, n)
	case 1: return leaf(3, n)
	case 2: return leaf(19, 4)
	case 3: return leaf(n, n)
	case 4: return leaf(n, 23)
	case 5: return leaf(5, n)
	case 6: return leaf(n, 2)
	case 7: return leaf(11, 1)
	case 8: return leaf(n, 8)
	case 9: return leaf(41, n)
	}
	return -1
}

type shape interface{ area(int) int }
type square struct{ side int }

//go:noinline
func (s *square) area(n int) int { return branches(s.side * n) + table(n) }

//go:noinline
func indirect(s shape, f func(int) int, n int) int { return s.area(n) + f(n) }

func report(pcs []uintptr) (all []frame) {
	frames := runtime.CallersFrames(pcs)
	for i := 0; ; i++ {
		f, more := frames.Next()
		all = append(all, frame{uint64(pcs[i]), f.Function, f.File, f.Line})
		if !more {
			return all
		}
	}
}

func main() {
	pcs := make([]uintptr, 64)
	outer(&pcs)
	more := make([]uintptr, 64)
	generic("x", &more)
	out := map[string]any{"frames": [][]frame{report(pcs), report(more)}}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Fprintln(os.Stderr, indirect(&square{3}, branches, len(os.Args)))
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "sleep") {
		time.Sleep(time.Hour)
	}
}
"""

SMALL = """package main

import "time"

func main() { time.Sleep(time.Hour) }
"""

WITH_C = """package main

// static int twice(int n) { return 2 * n; }
import "C"
import "time"

func main() {
	println(int(C.twice(21)))
	time.Sleep(time.Hour)
}
"""
