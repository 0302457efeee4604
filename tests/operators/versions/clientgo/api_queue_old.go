package main

import (
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Queue holds keys, as anything.
type Queue = workqueue.RateLimitingInterface

func newQueue(period time.Duration) Queue {
	limiter := workqueue.NewItemExponentialFailureRateLimiter(period/8, period)
	return workqueue.NewNamedRateLimitingQueue(limiter, "stock")
}

func keyOf(item interface{}) string {
	return item.(string)
}
