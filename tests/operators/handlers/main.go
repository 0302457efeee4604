// Command handlers reads objects of several kinds from caches. Some of these have event handlers of
// one controller, of two, of the operator itself, or none at all; one kind is watched and never read.
package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"whowoke.test/operators/internal/demo"
)

// Greeting reads nearly everything that its caches have.
type Greeting struct {
	client.Client
	settings demo.Settings
}

// Other reads its ConfigMaps only.
type Other struct {
	client.Client
	settings demo.Settings
}

// Counter is an event handler of the operator's own.
type Counter struct {
	toolscache.ResourceEventHandlerFuncs
	seen int
}

func main() {
	cached := func(_ demo.Settings, o *ctrl.Options) {
		o.Client.Cache = &client.CacheOptions{Unstructured: true}
	}
	demo.Main("handlers", cached, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		greeting := &Greeting{mgr.GetClient(), s}
		if err := ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			Owns(&corev1.Secret{}).
			Owns(&appsv1.Deployment{}).
			WatchesMetadata(&corev1.Pod{}, &handler.EnqueueRequestForObject{}).
			Named("greeting").
			Complete(greeting); err != nil {
			return err
		}
		if err := ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			Named("other").
			Complete(&Other{mgr.GetClient(), s}); err != nil {
			return err
		}
		return addOwn(ctx, mgr)
	})
}

// addOwn registers handlers that lead to no queue, one of them behind a filter.
func addOwn(ctx context.Context, mgr ctrl.Manager) error {
	secrets, err := mgr.GetCache().GetInformer(ctx, &corev1.Secret{})
	if err != nil {
		return err
	}
	functions := toolscache.ResourceEventHandlerFuncs{AddFunc: noteAdd}
	if _, err := secrets.AddEventHandler(functions); err != nil {
		return err
	}
	filter := toolscache.FilteringResourceEventHandler{FilterFunc: all, Handler: &Counter{}}
	if _, err := secrets.AddEventHandler(filter); err != nil {
		return err
	}
	return addMany(ctx, mgr)
}

// addMany registers more handlers than a map has in its first place.
func addMany(ctx context.Context, mgr ctrl.Manager) error {
	account := &unstructured.Unstructured{}
	account.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"})
	accounts, err := mgr.GetCache().GetInformer(ctx, account)
	if err != nil {
		return err
	}
	for i := range 37 {
		count := func(any) { demo.Note("gone", fmt.Sprint(i)) }
		functions := toolscache.ResourceEventHandlerFuncs{DeleteFunc: count}
		if _, err := accounts.AddEventHandler(functions); err != nil {
			return err
		}
	}
	return nil
}

func all(any) bool { return true }

func noteAdd(any) { demo.Note("added", "") }

// OnUpdate counts.
func (c *Counter) OnUpdate(_, _ any) { c.seen++ }

// Reconcile lists all kinds but Deployments.
func (g *Greeting) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	accounts := &unstructured.UnstructuredList{}
	accounts.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccountList"})
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "PodList"})
	for _, list := range []client.ObjectList{
		&corev1.SecretList{}, &corev1.ServiceList{}, accounts, pods,
	} {
		if err := g.List(ctx, list); err != nil {
			return ctrl.Result{}, err
		}
	}
	return read(ctx, g.Client, g.settings, req)
}

// Reconcile reads the ConfigMap.
func (o *Other) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return read(ctx, o.Client, o.settings, req)
}

func read(ctx context.Context, c client.Client, s demo.Settings, req ctrl.Request) (ctrl.Result, error) {
	var configMap corev1.ConfigMap
	if err := c.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return ctrl.Result{RequeueAfter: s.Period}, nil
}
