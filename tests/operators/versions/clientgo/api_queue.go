package main

import (
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Queue holds keys.
type Queue = workqueue.TypedRateLimitingInterface[string]

func newQueue(period time.Duration) Queue {
	return workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](period/8, period),
		workqueue.TypedRateLimitingQueueConfig[string]{Name: "stock"})
}

func keyOf(item string) string {
	return item
}
