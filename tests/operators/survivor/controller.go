package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const objects = 8

// Checker reconciles objects that aren't in any cluster; no object may be in two hands at once.
type Checker struct {
	count *int64
	pause time.Duration
	busy  [objects]atomic.Bool
}

func (c *Checker) Reconcile(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
	var number int
	_, err := fmt.Sscanf(req.Name, "object-%d", &number)
	must(err == nil && req.Namespace == "paint", "reconcile %v: %v", req, err)
	must(!c.busy[number].Swap(true), "%v is reconciled twice at once", req)
	levels := depth + number
	got := descend(levels, uint64(number))
	must(got == expected(levels, uint64(number)), "descend in a reconcile: %d", got)
	must(c.busy[number].Swap(false), "%v was let go", req)
	if atomic.AddInt64(c.count, 1)%32 == 0 {
		return reconcile.Result{}, fmt.Errorf("to be tried again")
	}
	return reconcile.Result{RequeueAfter: time.Millisecond + c.pause}, nil
}

func startController(count *int64, pause time.Duration) {
	made, err := controller.NewTypedUnmanaged("checker", controller.Options{
		Reconciler: &Checker{count: count, pause: pause}, MaxConcurrentReconciles: 3,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
			time.Millisecond, 8*time.Millisecond),
	})
	must(err == nil, "controller: %v", err)
	all := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		for number := range objects {
			name := fmt.Sprint("object-", number)
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "paint", Name: name}})
		}
		return nil
	})
	must(made.Watch(all) == nil, "watch")
	go func() { must(made.Start(context.Background()) == nil, "the controller ended") }()
}
