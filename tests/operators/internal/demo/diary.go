package demo

import (
	"fmt"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Note writes a line of the diary, which tests open after the verdict: the time in nanoseconds of
// CLOCK_MONOTONIC, what happened, and to which object or with what value.
func Note(what string, about any) {
	fmt.Printf("@ %d %s %v\n", now(), what, about)
}

func now() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano()
}

// Noted passes every event of an informer and notes it just before it is added to the queue.
func Noted() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			Note("add", e.Object.GetName()+" informer.relist")
			return true
		},
		UpdateFunc: func(e event.UpdateEvent) bool {
			cause := "watch.event"
			if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
				cause = "informer.resync"
			}
			Note("add", e.ObjectNew.GetName()+" "+cause)
			return true
		},
		GenericFunc: func(e event.GenericEvent) bool {
			Note("add", e.Object.GetName()+" generic")
			return true
		},
	}
}
