package main

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

// Parallel starts goroutines that read.
type Parallel struct {
	client.Client
	Live   client.Reader
	Period time.Duration
}

// Reconcile reads a ConfigMap, and with it the Services and the Secrets.
func (p *Parallel) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("parallel", req)
	defer pass.End()

	var configMap corev1.ConfigMap
	err := p.Get(ctx, req.NamespacedName, &configMap) //@configmap
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var services corev1.ServiceList
		err := p.List(groupCtx, &services, client.InNamespace(req.Namespace)) //@services
		pass.Listed("cache", "Service", &services)
		return err
	})
	group.Go(func() error {
		var secrets corev1.SecretList
		err := p.List(groupCtx, &secrets, client.InNamespace(req.Namespace)) //@secrets
		pass.Listed("cache", "Secret", &secrets)
		return err
	})
	if strings.HasSuffix(req.Name, "0") {
		group.Go(func() error {
			var again corev1.ConfigMap
			err := p.Live.Get(groupCtx, req.NamespacedName, &again) //@live
			pass.Got("api", "ConfigMap", req.Name, &again, err)
			return err
		})
	}
	return ctrl.Result{RequeueAfter: p.Period}, group.Wait() //@asks
}
