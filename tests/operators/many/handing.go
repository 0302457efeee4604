package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

type job struct {
	pass *demo.Pass
	key  types.NamespacedName
	done chan error
}

// Handing hands its reading to a goroutine that is there already.
type Handing struct {
	client.Client
	Live   client.Reader
	Period time.Duration
	jobs   chan job
}

// Start does the jobs until ctx ends.
func (h *Handing) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case todo := <-h.jobs:
			var service corev1.ServiceList
			err := h.Live.List(ctx, &service, client.InNamespace(todo.key.Namespace)) //@services
			todo.pass.Listed("api", "Service", &service)
			todo.done <- err
		}
	}
}

// Reconcile reads a Secret and has the Services read.
func (h *Handing) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("handing", req)
	defer pass.End()

	var secret corev1.Secret
	err := h.Get(ctx, req.NamespacedName, &secret) //@secret
	pass.Got("cache", "Secret", req.Name, &secret, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	done := make(chan error, 1)
	select {
	case h.jobs <- job{pass, req.NamespacedName, done}:
	case <-ctx.Done():
		return ctrl.Result{}, ctx.Err()
	}
	return ctrl.Result{RequeueAfter: h.Period}, <-done //@asks
}
