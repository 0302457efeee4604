// Command merged has a ticker that keeps the only worker busy with its first ConfigMap and
// meanwhile changes the others and asks for them, too: both adds lead to one reconcile.
package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"whowoke.test/operators/internal/demo"
)

const busy = 300 * time.Millisecond

// Reconciler is slow for one object.
type Reconciler struct {
	client.Client
	Slow string
}

// Changer is why there is something to do.
type Changer struct {
	client.Client
	demo.Settings
	Events chan event.GenericEvent
}

func main() {
	demo.Main("merged", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		events := make(chan event.GenericEvent)
		if err := mgr.Add(&Changer{mgr.GetClient(), s, events}); err != nil {
			return err
		}
		// The channel isn't filtered: its adds are noted where they are sent.
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}, builder.WithPredicates(demo.Noted())).
			WatchesRawSource(source.Channel(events, &handler.EnqueueRequestForObject{})).
			Complete(&Reconciler{mgr.GetClient(), s.Names()[0]})
	})
}

// Start runs until ctx ends.
func (c *Changer) Start(ctx context.Context) error {
	ticker := time.NewTicker(c.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			demo.Note("tick", "")
			if err := c.round(ctx); err != nil {
				return err
			}
		}
	}
}

func (c *Changer) round(ctx context.Context) error {
	for i, name := range c.Names() {
		configMap := &corev1.ConfigMap{}
		configMap.Namespace, configMap.Name = c.Namespace, name
		demo.Note("add", name+" operator.ticker")
		c.Events <- event.GenericEvent{Object: configMap}
		if i == 0 {
			continue
		}
		change := client.RawPatch("application/merge-patch+json",
			[]byte(`{"data":{"at":"`+time.Now().String()+`"}}`))
		if err := c.Patch(ctx, configMap, change); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile reads the ConfigMap.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	if req.Name == r.Slow {
		time.Sleep(busy)
	}
	var configMap corev1.ConfigMap
	return ctrl.Result{}, client.IgnoreNotFound(r.Get(ctx, req.NamespacedName, &configMap))
}
