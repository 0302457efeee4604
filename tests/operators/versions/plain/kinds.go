package main

import (
	"context"
	"net"
	"time"
)

// Primes, so that two kinds seldom expire together.
const (
	tickerPeriod   = 83 * time.Millisecond
	timerPeriod    = 89 * time.Millisecond
	sleepPeriod    = 97 * time.Millisecond
	contextPeriod  = 101 * time.Millisecond
	resetPeriod    = 103 * time.Millisecond
	functionPeriod = 107 * time.Millisecond
	deadlinePeriod = 109 * time.Millisecond
	afterPeriod    = 113 * time.Millisecond
	earlyPeriod    = 211 * time.Millisecond
)

// A trailing "arms KIND" or "waits for KIND" marks the line that a tracer has to name.

func runEarly(diary *Diary) {
	ticker := time.NewTicker(earlyPeriod) // arms early
	for {
		<-ticker.C // waits for early
		if !diary.Saw("early", earlyPeriod) {
			return
		}
	}
}

func runTicker(diary *Diary) {
	ticker := time.NewTicker(tickerPeriod) // arms ticker
	defer ticker.Stop()
	for range ticker.C {
		if !diary.Saw("ticker", tickerPeriod) {
			return
		}
	}
}

func runTimer(diary *Diary) {
	for {
		timer := time.NewTimer(timerPeriod) // arms timer
		<-timer.C
		if !diary.Saw("timer", timerPeriod) {
			return
		}
	}
}

func runReset(diary *Diary) {
	timer := time.NewTimer(resetPeriod) // arms reset
	for {
		<-timer.C
		if !diary.Saw("reset", resetPeriod) {
			return
		}
		timer.Reset(resetPeriod) // arms reset
	}
}

func runSleep(diary *Diary) {
	for {
		time.Sleep(sleepPeriod) // arms sleep
		if !diary.Saw("sleep", sleepPeriod) {
			return
		}
	}
}

func runContext(diary *Diary) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), contextPeriod) // arms context
		<-ctx.Done()
		cancel()
		if !diary.Saw("context", contextPeriod) {
			return
		}
	}
}

func runAfter(diary *Diary) {
	for {
		<-time.After(afterPeriod) // arms after
		if !diary.Saw("after", afterPeriod) {
			return
		}
	}
}

// runFunction arms a timer whose function arms the next one.
func runFunction(diary *Diary) {
	time.AfterFunc(functionPeriod, func() { // arms function
		if diary.Saw("function", functionPeriod) {
			runFunction(diary)
		}
	})
}

func runDeadline(diary *Diary, silent net.Conn) {
	var nothing [1]byte
	for {
		_ = silent.SetReadDeadline(time.Now().Add(deadlinePeriod)) // arms deadline
		_, _ = silent.Read(nothing[:])
		if !diary.Saw("deadline", deadlinePeriod) {
			return
		}
	}
}
