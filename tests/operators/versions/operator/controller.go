package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

var errTryAgain = errors.New("try again")

// Reconciler reads each ConfigMap that it is told about.
type Reconciler struct {
	client.Client
	After time.Duration
	Mixed bool
	Reads *Reads // what it reads besides the ConfigMap, nil for nothing
	calls sync.Map
}

// Reconcile asks to be called again if After is set; if Mixed, by an error and Requeue in between.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	note("reconcile", req.Name)
	if r.Reads != nil {
		noteFact("begin", fact{})
	}
	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.Reads != nil {
		if err := r.Reads.all(ctx, r.Client, &configMap); err != nil {
			return ctrl.Result{}, err
		}
	}
	if r.After == 0 {
		return ctrl.Result{}, nil
	}
	if r.Mixed {
		calls, _ := r.calls.Load(req.Name)
		call, _ := calls.(int)
		r.calls.Store(req.Name, call+1)
		switch call % 3 {
		case 0:
			return ctrl.Result{}, errTryAgain //@fails
		case 1:
			return ctrl.Result{Requeue: true}, nil //@repeats
		}
	}
	return ctrl.Result{RequeueAfter: r.After}, nil //@asks
}

// Poller announces each ConfigMap every period.
type Poller struct {
	Settings
	Events chan<- event.GenericEvent
}

// Start runs until ctx ends.
func (p *Poller) Start(ctx context.Context) error {
	ticker := time.NewTicker(p.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		note("tick", "")
		for i := 0; i < objects; i++ {
			meta := metav1.ObjectMeta{Namespace: p.Namespace, Name: fmt.Sprint("stock-", i)}
			p.Events <- event.GenericEvent{Object: &corev1.ConfigMap{ObjectMeta: meta}}
		}
	}
}
