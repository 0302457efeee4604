package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
)

var errNoGuests = errors.New("nobody to greet")

// Controller handles ConfigMaps by key.
type Controller struct {
	queue     Queue
	store     cache.Store
	mechanism string
	period    time.Duration
	reads     *Reads // what it reads besides the ConfigMap, nil for nothing
}

// NewController lets an informer fill a queue.
func NewController(
	informer cache.SharedIndexInformer, mechanism string, period time.Duration,
) *Controller {
	c := &Controller{
		queue: newQueue(period), store: informer.GetStore(), mechanism: mechanism, period: period,
	}
	handle(informer, cache.ResourceEventHandlerFuncs{
		AddFunc:    c.enqueue,
		UpdateFunc: func(_, object interface{}) { c.enqueue(object) },
		DeleteFunc: c.enqueue,
	})
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context) {
	defer c.queue.ShutDown()
	go wait.UntilWithContext(ctx, c.runWorker, time.Second)
	if c.mechanism == "ticker" {
		go c.tick(ctx)
	}
	<-ctx.Done()
}

func (c *Controller) enqueue(object interface{}) {
	if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
		c.queue.Add(key)
	}
}

func (c *Controller) tick(ctx context.Context) {
	ticker := time.NewTicker(c.period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		note("tick", "")
		for _, key := range c.store.ListKeys() {
			c.queue.Add(key)
		}
	}
}

func (c *Controller) runWorker(ctx context.Context) {
	for c.processNextWorkItem(ctx) {
	}
}

func (c *Controller) processNextWorkItem(ctx context.Context) bool {
	item, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(item)
	key := keyOf(item)
	if err := c.syncHandler(ctx, key); err != nil {
		c.queue.AddRateLimited(key) //@retries
		return true
	}
	c.queue.Forget(key)
	if c.mechanism == "requeue" || c.mechanism == "reads" {
		c.queue.AddAfter(key, c.period) //@asks
	}
	return true
}

func (c *Controller) syncHandler(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	note("reconcile", name)
	if c.reads != nil {
		return c.reads.all(ctx, namespace, name)
	}
	if _, exists, err := c.store.GetByKey(key); err != nil || !exists {
		return err
	}
	if c.mechanism == "error" {
		return errNoGuests
	}
	return nil
}
