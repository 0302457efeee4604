package demo

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Stock is a controller that reads each ConfigMap that it is told about and asks for nothing.
type Stock struct {
	client.Client
	settings Settings
	events   chan event.GenericEvent
}

// NewStock registers the controller.
func NewStock(mgr ctrl.Manager, s Settings) (*Stock, error) {
	stock := &Stock{Client: mgr.GetClient(), settings: s, events: make(chan event.GenericEvent)}
	return stock, ctrl.NewControllerManagedBy(mgr).
		For(&corev1.ConfigMap{}).
		WatchesRawSource(source.Channel(stock.events, &handler.EnqueueRequestForObject{})).
		Named("stock").
		Complete(stock)
}

// Reconcile reads the ConfigMap.
func (s *Stock) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	Note("reconcile", req.Name)
	var configMap corev1.ConfigMap
	return ctrl.Result{}, client.IgnoreNotFound(s.Get(ctx, req.NamespacedName, &configMap))
}

// Announce lets each ConfigMap be reconciled.
func (s *Stock) Announce(ctx context.Context) {
	for _, name := range s.settings.Names() {
		object := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.settings.Namespace, Name: name},
		}
		select {
		case s.events <- event.GenericEvent{Object: object}:
		case <-ctx.Done():
			return
		}
	}
}
