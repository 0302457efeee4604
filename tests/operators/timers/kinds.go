package main

import (
	"context"
	"time"
)

// Primes, so that two kinds seldom expire together.
const (
	tickerPeriod   = 83 * time.Millisecond
	timerPeriod    = 89 * time.Millisecond
	sleepPeriod    = 97 * time.Millisecond
	deadlinePeriod = 101 * time.Millisecond
	earlyPeriod    = 211 * time.Millisecond
)

// A trailing "arms KIND" marks the line that a tracer has to name; tests look for it.

func runTicker(expiries int) Kind {
	result := Kind{PeriodNS: int64(tickerPeriod)}
	if expiries == 0 {
		return result
	}
	ticker := time.NewTicker(tickerPeriod) // arms ticker
	defer ticker.Stop()
	due := time.Now().Add(tickerPeriod)
	for result.Expiries < expiries {
		if time.Now().After(due) {
			result.Overdue++
		}
		due = (<-ticker.C).Add(tickerPeriod)
		result.Expiries++
	}
	return result
}

func runTimers(expiries int) Kind {
	result := Kind{PeriodNS: int64(timerPeriod)}
	for result.Expiries < expiries {
		timer := time.NewTimer(timerPeriod) // arms timer
		<-timer.C
		result.Expiries++
	}
	return result
}

func runSleeps(expiries int) Kind {
	result := Kind{PeriodNS: int64(sleepPeriod)}
	for result.Expiries < expiries {
		time.Sleep(sleepPeriod) // arms sleep
		result.Expiries++
	}
	return result
}

func runDeadlines(expiries int) Kind {
	result := Kind{PeriodNS: int64(deadlinePeriod)}
	for result.Expiries < expiries {
		ctx, cancel := context.WithTimeout(context.Background(), deadlinePeriod) // arms deadline
		<-ctx.Done()
		cancel()
		result.Expiries++
	}
	return result
}

// runEarly arms its ticker at once, but counts only what expires after the start.
func runEarly(expiries int, start *Start) map[string]Kind {
	if expiries == 0 {
		return nil
	}
	result := Kind{PeriodNS: int64(earlyPeriod)}
	ticker := time.NewTicker(earlyPeriod) // arms early
	defer ticker.Stop()
	due := time.Now().Add(earlyPeriod)
	for result.Expiries < expiries {
		overdue := time.Now().After(due)
		tick := <-ticker.C // waits for early
		due = tick.Add(earlyPeriod)
		if start.before(tick) {
			result.Expiries++
			if overdue {
				result.Overdue++
			}
		}
	}
	return map[string]Kind{"early": result}
}
